import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRes,
} from 'rate-limiter-flexible'
import type { Database } from '../db/database.ts'
import { AppError, unavailable } from '../errors.ts'

export interface RateLimitOptions {
  /** Limits with different names have separate counts. */
  name: string
  /** How many are allowed in each window. */
  points: number
  windowSeconds: number
}

/** A rate limit with fixed windows. */
export interface RateLimit {
  /**
   * Counts one for `key`.
   *
   * @throws {AppError} `rate_limited` with `Retry-After`, or `unavailable` when the database cannot be asked
   */
  consume(key: string): Promise<void>
  /**
   * Makes an attempt, and counts one for `key` if it resolves to false.
   *
   * The attempt is counted first and taken back if it does not fail, so that simultaneous guesses all count, on other
   * replicas, too. In one process, attempts for a key run one after another, so that one that is running does not use up the
   * limit of the next.
   *
   * @throws {AppError} as `consume`, and `unavailable` when it has waited too long
   */
  attempt(key: string, make: () => Promise<boolean>): Promise<boolean>
}

/** Makes limits that keep their counts in the same place. */
export type RateLimiter = (options: RateLimitOptions) => RateLimit

interface Sweepable {
  clearExpired(expiredBefore: number): Promise<void>
}

const SWEEP_EVERY_MS = 600_000

/** The database as the library's client. The statements are the library's, and contain no user input. */
const queryClient = ({ run }: Database) => ({
  async query({ text, values }: { text: string; values: (string | number)[] }) {
    // The first value is the key. It is the owner of the statement in the queue.
    const rows = await run((sql) => sql.unsafe(text, values, { prepare: true }), String(values[0]))
    return { rows, rowCount: rows.length }
  },
})

/** How long an attempt may wait for its turn. Less than the timeout of idle client connections. */
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
 * Keeps the counts in the database: replicas share them, and they survive a restart. If the database fails, requests are
 * refused: they need it anyway, and overloading it must not allow unlimited guesses.
 *
 * Requests delete expired counts. A timer would keep an idle database from being suspended.
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

/** Keeps the counts in memory, for the embedded database, which only one process can use. */
export const localRateLimiter: RateLimiter = ({ name, points, windowSeconds }) =>
  rateLimit(new RateLimiterMemory({ keyPrefix: name, points, duration: windowSeconds }), () => {})
