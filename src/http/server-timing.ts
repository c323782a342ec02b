import { AsyncLocalStorage } from 'node:async_hooks'

/** How long parts of a request took, in milliseconds. */
interface Times {
  auth: number
  db: number
}

/**
 * Reports in `Server-Timing` how long the token, the database and the whole request took. Browsers' developer tools show it.
 * Only with `SERVER_TIMING=true`, because following a request through asynchronous code costs some µs, and the duration of
 * checks helps attackers.
 * https://www.w3.org/TR/server-timing/
 */
export const createServerTiming = () => {
  const current = new AsyncLocalStorage<Times>()

  return {
    /** Wraps the handler so that each request has its own times. */
    around:
      <T>(handle: (request: Request) => T) =>
      (request: Request): T =>
        current.run({ auth: 0, db: 0 }, () => handle(request)),

    /** Wraps a function so that its time is added to that part of the current request. */
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

    /** The header's value, without parts that took no time. */
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
