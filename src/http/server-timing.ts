import { AsyncLocalStorage } from 'node:async_hooks'

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

  return {
    /** Gives each request times of its own. */
    around:
      <T>(handle: (request: Request) => T) =>
      (request: Request): T =>
        current.run({ auth: 0, db: 0 }, () => handle(request)),

    /** Counts the time that a function takes as that part of the request which calls it. */
    timed:
      <Args extends unknown[], Result>(
        part: keyof Times,
        work: (...args: Args) => Result | Promise<Result>,
      ) =>
      async (...args: Args): Promise<Result> => {
        const times = current.getStore()
        const startedAt = performance.now()
        try {
          return await work(...args)
        } finally {
          if (times) times[part] += performance.now() - startedAt
        }
      },

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
