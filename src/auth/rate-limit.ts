import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRes,
} from 'rate-limiter-flexible'
import type { Database } from '../db/database.ts'
import { AppError, unavailable } from '../errors.ts'

export interface RateLimitOptions {
  /** Limits of different names are counted apart. */
  name: string
  /** How many are allowed in one window. */
  points: number
  windowSeconds: number
}

/** Counts in fixed windows. */
export interface RateLimit {
  /**
   * Counts one for `key`.
   *
   * @throws {AppError} `rate_limited` with `Retry-After`, or `unavailable` when the database cannot be asked
   */
  consume(key: string): Promise<void>
  /**
   * Makes an attempt, and counts one for `key` if it fails, that is, resolves to false.
   *
   * It is counted before it is made and taken back if it succeeds, so that simultaneous guesses are all counted, also
   * those on other replicas. In one process attempts of a key take turns, so that one under way does not use up the
   * limit for the next.
   *
   * @throws {AppError} as `consume`, and `unavailable` when its turn comes too late
   */
  attempt(key: string, make: () => Promise<boolean>): Promise<boolean>
}

/** Makes limits that are all kept in the same place. */
export type RateLimiter = (options: RateLimitOptions) => RateLimit

interface Sweepable {
  clearExpired(expiredBefore: number): Promise<void>
}

const SWEEP_EVERY_MS = 600_000

/** The database as the library's client. The statements are the library's own, without user input. */
const queryClient = ({ run }: Database) => ({
  async query({ text, values }: { text: string; values: (string | number)[] }) {
    // The first value is the key, which serves as the owner in the queue of statements.
    const rows = await run((sql) => sql.unsafe(text, values, { prepare: true }), String(values[0]))
    return { rows, rowCount: rows.length }
  },
})

/** How long an attempt may wait for its turn: less than the time after which an idle connection is cut. */
const MAX_WAIT_MS = 5000

const rateLimit = (limiter: RateLimiterAbstract, sweep: () => void): RateLimit => {
  const turns = new Map<string, Promise<void>>()

  const consume = async (key: string): Promise<void> => {
    try {
      await limiter.consume(key)
      sweep()
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error
      const seconds = Math.max(1, Math.ceil(error.msBeforeNext / 1000))
      throw new AppError('rate_limited', { headers: { 'retry-after': String(seconds) } })
    }
  }

  const attemptInTurn = async (key: string, cameAt: number, make: () => Promise<boolean>) => {
    await consume(key)
    let succeeded: boolean | undefined
    try {
      if (performance.now() - cameAt > MAX_WAIT_MS) throw unavailable('too many attempts at the same moment')
      succeeded = await make()
      return succeeded
    } finally {
      if (succeeded !== false) await limiter.reward(key)
    }
  }

  return {
    consume,
    attempt(key, make) {
      const cameAt = performance.now()
      const turn = (turns.get(key) ?? Promise.resolve()).then(() => attemptInTurn(key, cameAt, make))
      const forget = () => {
        if (turns.get(key) === ended) turns.delete(key)
      }
      const ended: Promise<void> = turn.then(forget, forget)
      turns.set(key, ended)
      return turn
    },
  }
}

/**
 * Limits kept in the database: replicas share them, and they survive a restart. They fail closed: what is limited needs
 * the database anyway, and overloading it must not make guesses free.
 *
 * Requests sweep expired counts. A timer would keep an idle database awake.
 */
export const sharedRateLimiter = (database: Database): RateLimiter => {
  let sweptAt = performance.now()
  return ({ name, points, windowSeconds }) => {
    const limiter = new RateLimiterPostgres({
      storeClient: queryClient(database),
      storeType: 'client',
      schemaName: database.tables.schema,
      tableName: 'rate_limits',
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix: name,
      points,
      duration: windowSeconds,
      // A key beyond its limit is refused from memory for the rest of the window.
      inMemoryBlockOnConsumed: points + 1,
    })
    return rateLimit(limiter, () => {
      if (performance.now() - sweptAt < SWEEP_EVERY_MS) return
      sweptAt = performance.now()
      // Missing from the library's types; it never rejects.
      void (limiter as RateLimiterPostgres & Sweepable).clearExpired(Date.now())
    })
  }
}

/** Limits kept in memory, for the embedded database, which only one process can use. */
export const localRateLimiter: RateLimiter = ({ name, points, windowSeconds }) =>
  rateLimit(new RateLimiterMemory({ keyPrefix: name, points, duration: windowSeconds }), () => {})
