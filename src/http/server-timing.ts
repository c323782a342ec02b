import { AsyncLocalStorage } from 'node:async_hooks'
import type { VerifyToken } from '../auth/token.ts'
import type { Database } from '../db/database.ts'

/** How long parts of a request took, in milliseconds. */
interface Times {
  auth: number
  db: number
}

/**
 * Tells in `Server-Timing` how long the token, the database and all of a request took, which a browser's
 * developer tools show. Only made where `SERVER_TIMING` is true: following a request through asynchronous code
 * costs some µs, and how long a check takes is nobody else's business.
 * https://www.w3.org/TR/server-timing/
 */
export const createServerTiming = () => {
  const current = new AsyncLocalStorage<Times>()

  const timed = async <T>(part: keyof Times, work: () => T | Promise<T>): Promise<T> => {
    const times = current.getStore()
    const startedAt = performance.now()
    try {
      return await work()
    } finally {
      if (times) times[part] += performance.now() - startedAt
    }
  }

  return {
    /** Gives each request times of its own. */
    around:
      <T>(handle: (request: Request) => T) =>
      (request: Request): T =>
        current.run({ auth: 0, db: 0 }, () => handle(request)),

    verifyToken:
      (verify: VerifyToken): VerifyToken =>
      (token) =>
        timed('auth', () => verify(token)),

    database: (database: Database): Database => ({
      ...database,
      run: (...statement) => timed('db', () => database.run(...statement)),
    }),

    /** The header's value. A part that a request had no need of is left out. */
    header(totalMs: number): string {
      const { auth = 0, db = 0 } = current.getStore() ?? {}
      return Object.entries({ auth, db, total: totalMs })
        .filter(([, durationMs]) => durationMs > 0)
        .map(([name, durationMs]) => `${name};dur=${durationMs.toFixed(3)}`)
        .join(', ')
    },
  }
}

export type ServerTiming = ReturnType<typeof createServerTiming>
