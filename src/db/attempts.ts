import type { Connection } from './client.ts'
import { remove } from './remove.ts'

/** An attempt that began while no packet passed only finds out when its time is over: the next does not wait for it. */
const ANOTHER_AFTER_MS = 500

/**
 * Connects with attempts that overlap: while none succeeds, another one begins each half second. Whoever has
 * waited longest is given the first connection there is.
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
