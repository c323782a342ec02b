import type { Row } from 'postgres'
import { unavailable } from '../errors.ts'
import { isMigrated } from './journal.ts'
import { createPool, type Job, type PoolOptions, type Statement } from './pool.ts'
import { remove } from './remove.ts'
import { toAppError } from './sqlstate.ts'
import { type Tables, tablesIn } from './tables.ts'

/** The one way to the database, which bounds how long statements take and how many wait. */
export interface Database {
  /** The names of the tables, for statements. */
  readonly tables: Tables
  /**
   * Lets statements through; until then each is refused, because the service is still starting.
   *
   * @param isMigrated false when the tables may not be there yet, or may be another program's: then they are looked
   *   at before each statement, until they are this service's own
   */
  open(isMigrated?: boolean): void
  /**
   * Runs one statement and resolves to its rows.
   *
   * @param owner whose it is: where statements have to wait, owners take turns, and none may have them all
   * @param weight as how many ordinary ones it counts in what one owner may have running at once
   * @throws {AppError} `unavailable` when the database cannot be reached, does not answer in time, or too many
   *   statements wait for it, of all or of this owner's; `invalid_request` for values that PostgreSQL refuses.
   *   Other errors of the database are thrown as they are.
   */
  run<T extends readonly Row[]>(statement: Statement<T>, owner?: string, weight?: number): Promise<T>
  stats(): DatabaseStats
  /** Closes all connections; what still runs is not waited for longer than a second. */
  close(): Promise<void>
}

/** How the database keeps up. */
export interface DatabaseStats {
  /** Sent, and neither answered nor given up yet. */
  running: number
  waiting: number
  /** Refused since the start because too many were waiting. */
  refused: number
  /** Given up since the start because they took too long. */
  expired: number
}

export interface DatabaseOptions extends PoolOptions {
  /** Where the tables are; `public` when absent. */
  schema?: string
  /** How long a statement may wait and run. */
  timeoutMs: number
  /** How many statements may wait or run at once; one more is refused. */
  maxPending: number
}

/** Which part of that may be one owner's. */
const PART_OF_ONE = 1 / 4

interface Pending extends Job {
  expiresAt: number
}

/** Makes the database; it connects with the first statement. */
export const createDatabase = ({
  schema = 'public',
  timeoutMs,
  maxPending,
  ...options
}: DatabaseOptions): Database => {
  const pool = createPool(options)
  const tables = tablesIn(schema)
  let isOpen = false
  let areTablesKnown = true
  let refused = 0
  let expired = 0
  // All deadlines are of one length, so this is ordered by them, and one timer for the first serves all.
  const pending: Pending[] = []
  const maxPendingOfOne = Math.max(1, maxPending * PART_OF_ONE)
  let timer: ReturnType<typeof setTimeout> | undefined

  const expireOverdue = () => {
    timer = undefined
    const now = performance.now()
    for (let job = pending[0]; job; job = pending[0]) {
      if (job.expiresAt > now) {
        timer = setTimeout(expireOverdue, job.expiresAt - now)
        return
      }
      expired += 1
      job.reject(unavailable('the database did not answer in time'))
      pool.giveUp(job)
    }
  }

  const refuse = (reason: string): never => {
    refused += 1
    throw unavailable(reason)
  }

  const countOf = (owner: string) =>
    pending.reduce((count, job) => (job.owner === owner ? count + 1 : count), 0)

  const send = <T extends readonly Row[]>(
    statement: Statement<T>,
    owner: string | undefined,
    weight: number,
  ): Promise<T> => {
    if (pending.length >= maxPending) refuse('too many statements are waiting for the database')
    // Nobody can have more than there are: counted only when there are many.
    if (owner !== undefined && pending.length >= maxPendingOfOne && countOf(owner) >= maxPendingOfOne)
      refuse("too many of one user's statements are waiting for the database")
    return new Promise<T>((resolve, reject) => {
      const job: Pending = {
        statement: statement as unknown as Statement,
        owner,
        weight,
        expiresAt: performance.now() + timeoutMs,
        resolve(rows) {
          remove(pending, job)
          resolve(rows as T)
        },
        reject(error) {
          remove(pending, job)
          reject(toAppError(error))
        },
      }
      pending.push(job)
      timer ??= setTimeout(expireOverdue, timeoutMs)
      pool.add(job)
    })
  }

  const lookAtTables = async (): Promise<void> => {
    areTablesKnown = await isMigrated((statement) => send(statement, undefined, 1), tables)
    if (!areTablesKnown) throw unavailable('the tables are missing or out of date')
  }

  return {
    tables,
    open(isMigrated = true) {
      areTablesKnown = isMigrated
      isOpen = true
    },
    run(statement, owner, weight = 1) {
      if (!isOpen) throw unavailable('the service is starting')
      if (areTablesKnown) return send(statement, owner, weight)
      return lookAtTables().then(() => send(statement, owner, weight))
    },
    stats: () => ({
      running: pending.length - pool.waiting(),
      waiting: pool.waiting(),
      refused,
      expired,
    }),
    async close() {
      clearTimeout(timer)
      await pool.close()
    },
  }
}
