import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRes,
} from 'rate-limiter-flexible'
import type { Database } from '../db/client.ts'
import { AppError } from '../errors.ts'

export interface RateLimitOptions {
  /** What is counted; the counts of different names do not mix. */
  name: string
  /** How many are let past in one window. */
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
  /** Takes one back. */
  giveBack(key: string): Promise<void>
}

/** Makes limits that are all kept in the same place. */
export type RateLimiter = (options: RateLimitOptions) => RateLimit

interface Sweepable {
  clearExpired(expiredBefore: number): Promise<void>
}

const SWEEP_EVERY_MS = 600_000

/** What the library needs of a client of the database. Its statements are constants of its own. */
const queryClient = ({ sql, run }: Database) => ({
  async query({ text, values }: { text: string; values: (string | number)[] }) {
    const rows = await run(sql.unsafe(text, values, { prepare: true }))
    return { rows, rowCount: rows.length }
  },
})

const rateLimit = (limiter: RateLimiterAbstract, sweep: () => void): RateLimit => ({
  async consume(key) {
    try {
      await limiter.consume(key)
      sweep()
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error
      const seconds = Math.max(1, Math.ceil(error.msBeforeNext / 1000))
      throw new AppError('rate_limited', { headers: { 'retry-after': String(seconds) } })
    }
  },
  async giveBack(key) {
    await limiter.reward(key)
  },
})

/**
 * Limits kept in the database: replicas share them, and a restart does not forget them. They fail closed: what
 * is limited needs the database anyway, and a guess must not become free by knocking that over.
 *
 * Expired counts are swept by requests, not by a timer, which would keep an idle database awake.
 */
export const sharedRateLimiter = (database: Database): RateLimiter => {
  let sweptAt = performance.now()
  return ({ name, points, windowSeconds }) => {
    const limiter = new RateLimiterPostgres({
      storeClient: queryClient(database),
      storeType: 'client',
      tableName: 'rate_limits',
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix: name,
      points,
      duration: windowSeconds,
      // Beyond the limit a key is refused from memory for the rest of its window.
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
