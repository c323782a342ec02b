import { AsyncLocalStorage } from 'node:async_hooks'
import type { Row } from 'postgres'
import { unavailable } from '../errors.ts'
import { isMigrated } from './journal.ts'
import { createPool, type PoolOptions } from './pool.ts'
import { remove } from './remove.ts'
import { toAppError } from './sqlstate.ts'
import type { Job, Statement } from './statement.ts'
import { type Tables, tablesIn } from './tables.ts'

/** The one way to the database, which bounds how long statements take and how many wait. */
export interface Database {
  /** The names of the tables, for statements. */
  readonly tables: Tables
  /**
   * Lets statements through. Until then they wait, and are refused when the start takes longer than a second.
   *
   * @param isMigrated false when the tables may not be there yet, or may be another program's: then those that wait
   *   are refused, and the tables are looked at before each statement, until they are this service's own
   */
  open(isMigrated?: boolean): void
  /**
   * Runs one statement and resolves to its rows.
   *
   * @param owner whose it is: where statements have to wait, owners take turns, and none may have them all
   * @param weight as how many ordinary ones it counts in what one owner may have running at once
   * @throws {AppError} `unavailable` when the database cannot be reached, does not answer in time, is not open, or
   *   too many statements wait for it: of this owner's, or of all (then one of the owner who has the most is refused, and
   *   that may be one that waits); `invalid_request` for values that PostgreSQL refuses. Other errors are thrown as
   *   they are.
   */
  run<T extends readonly Row[]>(statement: Statement<T>, owner?: string, weight?: number): Promise<T>
  /** Handles a request. Its statements may together take as long as one alone. */
  inRequest<T>(handle: () => T): T
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
  /** How long a statement, or all statements of a request, may wait and run. */
  timeoutMs: number
  /** How many statements may wait or run at once; for one more, one of the owner with the most is refused. */
  maxPending: number
}

/** Which part of `maxPending` may wait of one owner. */
const PART_OF_ONE = 1 / 4

/**
 * How long a statement waits for `open`. A start takes a third of that, and a proxy that does not ask for readiness
 * (nginx) sends requests as soon as the service listens.
 */
const START_MS = 1000

interface Pending extends Job {
  expiresAt: number
}

/** How long the statements of a request have taken so far. */
interface Spent {
  ms: number
}

const tooLate = () => unavailable('the database did not answer in time')
const tablesMissing = () => unavailable('the tables are missing or out of date')

/** Makes the database; when it is open, it connects with the first statement. */
export const createDatabase = ({
  schema = 'public',
  timeoutMs,
  maxPending,
  connect,
  ...options
}: DatabaseOptions): Database => {
  const opened = Promise.withResolvers<void>()
  const pool = createPool({ ...options, connect: () => opened.promise.then(connect) })
  const tables = tablesIn(schema)
  let isOpen = false
  /** How long a statement that comes now may take. */
  let limitMs = Math.min(timeoutMs, START_MS)
  let areTablesKnown = true
  let refused = 0
  let expired = 0
  const spent = new AsyncLocalStorage<Spent>()
  /** Ordered by deadlines, so that one timer serves all. */
  const pending: Pending[] = []
  const maxWaitingOfOne = Math.max(1, maxPending * PART_OF_ONE)
  let timer: ReturnType<typeof setTimeout> | undefined
  let timerAt = Number.POSITIVE_INFINITY

  const setTimer = (at: number) => {
    clearTimeout(timer)
    // Of a negative time Node.js and Bun warn on standard error.
    timer = setTimeout(expireOverdue, Math.max(0, at - performance.now()))
    timerAt = at
  }

  const expireOverdue = () => {
    timerAt = Number.POSITIVE_INFINITY
    const now = performance.now()
    for (let job = pending[0]; job; job = pending[0]) {
      if (job.expiresAt > now) return setTimer(job.expiresAt)
      if (isOpen) expired += 1
      job.reject(isOpen ? tooLate() : unavailable('the service is starting'))
      pool.giveUp(job)
    }
  }

  /** Most have the latest deadline. Only a further statement of a request has less time than those before it. */
  const addPending = (job: Pending) => {
    pending.splice(1 + pending.findLastIndex(({ expiresAt }) => expiresAt <= job.expiresAt), 0, job)
    if (job.expiresAt < timerAt) setTimer(job.expiresAt)
  }

  const refuse = (reason: string): never => {
    refused += 1
    throw unavailable(reason)
  }

  /** Refuses the newest statement of the owner who has the most waiting, or else this one. */
  const makeRoomFor = (owner: string | undefined) => {
    const reason = 'too many statements are waiting for the database'
    const other = pool.makeRoomFor(owner) ?? refuse(reason)
    refused += 1
    other.reject(unavailable(reason))
  }

  const send = <T extends readonly Row[]>(
    statement: Statement<T>,
    owner: string | undefined,
    weight: number,
  ): Promise<T> => {
    // Nobody can have more than there are: looked for only when there are many.
    if (owner !== undefined && pool.waiting() >= maxWaitingOfOne && pool.waitingOf(owner) >= maxWaitingOfOne)
      refuse("too many of one user's statements are waiting for the database")
    const ofRequest = spent.getStore()
    const startedAt = performance.now()
    const expiresAt = startedAt + limitMs - (ofRequest?.ms ?? 0)
    if (expiresAt <= startedAt) {
      expired += 1
      throw tooLate()
    }
    if (pending.length >= maxPending) makeRoomFor(owner)
    return new Promise<T>((resolve, reject) => {
      const settled = () => {
        remove(pending, job)
        if (ofRequest) ofRequest.ms += performance.now() - startedAt
      }
      const job: Pending = {
        statement: statement as unknown as Statement,
        owner,
        weight,
        expiresAt,
        resolve(rows) {
          settled()
          resolve(rows as T)
        },
        reject(error) {
          settled()
          reject(toAppError(error))
        },
      }
      addPending(job)
      pool.add(job)
    })
  }

  const lookAtTables = async (): Promise<void> => {
    areTablesKnown = await isMigrated((statement) => send(statement, undefined, 1), tables)
    if (!areTablesKnown) throw tablesMissing()
  }

  return {
    tables,
    open(isMigrated = true) {
      areTablesKnown = isMigrated
      isOpen = true
      for (const job of [...pending]) {
        job.expiresAt += timeoutMs - limitMs
        if (isMigrated) continue
        job.reject(tablesMissing())
        pool.giveUp(job)
      }
      limitMs = timeoutMs
      opened.resolve()
    },
    run(statement, owner, weight = 1) {
      if (areTablesKnown) return send(statement, owner, weight)
      return lookAtTables().then(() => send(statement, owner, weight))
    },
    inRequest: (handle) => spent.run({ ms: 0 }, handle),
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
