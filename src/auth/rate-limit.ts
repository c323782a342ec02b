import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRes,
} from 'rate-limiter-flexible'
import type { Database } from '../db/database.ts'
import { AppError, unavailable } from '../errors.ts'

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
  /**
   * Makes an attempt, and counts one for `key` when it fails, which is when it resolves to false.
   *
   * It is counted before it is known to fail and taken back when it does not, so that guesses at the same
   * moment, also by way of another replica, are all counted. In one process they take turns: what is not
   * decided yet must not stand in the way of the next.
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

/** What the library needs of a client of the database. Its statements are constants of its own. */
const queryClient = ({ run }: Database) => ({
  async query({ text, values }: { text: string; values: (string | number)[] }) {
    // The first value is the key: nobody else's turn is taken by whom a limit is there for.
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
      schemaName: database.tables.schema,
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
