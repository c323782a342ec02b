import { unavailable } from '../errors.ts'

export interface OutboxOptions {
  /** How many bytes of large answers may wait for their clients. */
  maxBytes: number
  /** How many of them may be for one user. */
  maxBytesOfOne: number
}

type Content = string | Uint8Array<ArrayBuffer>

/** Large answers that clients have not read yet. */
export interface Outbox {
  /**
   * To be called before a large answer is made.
   *
   * @throws {AppError} `unavailable` when too much is not sent yet, of this user's or of all
   */
  admit(userId: string): void
  /** The body of an answer: a small one as it is, a large one as a stream at the pace of the client. */
  body(content: Content, userId: string): Content | ReadableStream<Uint8Array>
  /** How many bytes are not sent yet. */
  bytes(): number
}

/** Smaller answers fit into the buffers of a connection. */
const LARGE = 65_536

/** A stream of the bytes; calls `done` when the last part is taken or the client has gone away. */
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
    // Nothing is buffered ahead of the client.
    { highWaterMark: 0 },
  )
}

/**
 * Makes an outbox. Bun buffers whatever a client has not read, without a bound. Only a stream is pulled at the pace of
 * the client, and so can be counted.
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
    admit(userId) {
      if ((unsentOf.get(userId) ?? 0) >= maxBytesOfOne)
        throw unavailable("too much of one user's has not been read yet")
      if (unsent >= maxBytes) throw unavailable('too much has not been read yet')
    },
    body(content, userId) {
      if (content.length < LARGE) return content
      // Bytes are the documentation's files: in memory anyway, and shared.
      if (typeof content !== 'string') return inParts(content, () => {})
      const bytes = Buffer.from(content)
      count(userId, bytes.length)
      return inParts(bytes, () => count(userId, -bytes.length))
    },
    bytes: () => unsent,
  }
}
