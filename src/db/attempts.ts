import type { Connection } from './client.ts'
import { remove } from './remove.ts'

/** After this time the next attempt begins. An attempt whose packets were lost only fails at its timeout. */
const ANOTHER_AFTER_MS = 500

/**
 * Makes overlapping attempts to connect: while none has succeeded, another one begins each half second. The first
 * connection goes to the caller that has waited longest.
 */
export const overlapAttempts = (connect: () => Promise<Connection>): (() => Promise<Connection>) => {
  const waiting: PromiseWithResolvers<Connection>[] = []
  let another: ReturnType<typeof setTimeout> | undefined

  const beginAnotherLater = () => {
    clearTimeout(another)
    if (waiting.length > 0) another = setTimeout(attempt, ANOTHER_AFTER_MS)
  }

  const attempt = async (own?: PromiseWithResolvers<Connection>): Promise<void> => {
    beginAnotherLater()
    try {
      const connection = await connect()
      const first = waiting.shift()
      if (first) first.resolve(connection)
      else connection.end()
      beginAnotherLater()
    } catch (error) {
      if (own && remove(waiting, own)) own.reject(error)
      if (waiting.length === 0) clearTimeout(another)
    }
  }

  return () => {
    const own = Promise.withResolvers<Connection>()
    waiting.push(own)
    attempt(own)
    return own.promise
  }
}
