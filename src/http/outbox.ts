import { unavailable } from '../errors.ts'

export interface OutboxOptions {
  /** The most unsent bytes of large answers. */
  maxBytes: number
  /** The most for one user. */
  maxBytesOfOne: number
}

type Content = string | Uint8Array<ArrayBuffer>

/** Limits the bytes of large answers that clients have not read yet. */
export interface Outbox {
  /**
   * Call this before an answer that may be large is made, and again when its length is known.
   *
   * @param length of the answer; only a large one is refused because of other users' unsent bytes
   * @throws {AppError} `unavailable` when there are too many unsent bytes, for this user or for all
   */
  admit(userId: string, length?: () => number): void
  /** The body of an answer. A large one becomes a stream, which is read at the client's pace. */
  body(content: Content, userId: string): Content | ReadableStream<Uint8Array>
  /** The number of unsent bytes. */
  bytes(): number
}

/** Smaller answers fit into the buffers of a connection. */
const LARGE = 65_536

/** A stream of the bytes. Calls `done` when the last part is read, or when the client disconnects. */
const inParts = (bytes: Uint8Array, done: () => void): ReadableStream<Uint8Array> => {
  let sent = 0
  return new ReadableStream(
    {
      pull(controller) {
        controller.enqueue(bytes.subarray(sent, sent + LARGE))
        sent += LARGE
        if (sent < bytes.length) return
        controller.close()
        done()
      },
      cancel: done,
    },
    // Buffer nothing ahead of the client.
    { highWaterMark: 0 },
  )
}

/**
 * Makes an outbox. Bun buffers an answer without limit until the client has read it. Only a stream is read at the client's
 * pace, so that its bytes can be counted.
 */
export const createOutbox = ({ maxBytes, maxBytesOfOne }: OutboxOptions): Outbox => {
  const unsentOf = new Map<string, number>()
  let unsent = 0

  const count = (userId: string, bytes: number) => {
    unsent += bytes
    const rest = (unsentOf.get(userId) ?? 0) + bytes
    if (rest > 0) unsentOf.set(userId, rest)
    else unsentOf.delete(userId)
  }

  return {
    admit(userId, length) {
      if ((unsentOf.get(userId) ?? 0) >= maxBytesOfOne)
        throw unavailable("too much of one user's has not been read yet")
      // Measured only when it matters. A few users together must not keep all others from their short lists.
      if (unsent >= maxBytes && length !== undefined && length() >= LARGE)
        throw unavailable('too much has not been read yet')
    },
    body(content, userId) {
      if (content.length < LARGE) return content
      // Only files of the documentation are bytes. They are shared, and in memory anyway.
      if (typeof content !== 'string') return inParts(content, () => {})
      const bytes = Buffer.from(content)
      count(userId, bytes.length)
      return inParts(bytes, () => count(userId, -bytes.length))
    },
    bytes: () => unsent,
  }
}
