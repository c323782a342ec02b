import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Authentication } from './authentication.ts'
import { ConnectionError } from './sqlstate.ts'

/** Only rows are long. No row of this service is longer than this. */
const MAX_ROW_BYTES = 16 * 2 ** 20
const MAX_MESSAGE_BYTES = 64 * 2 ** 10

/** The longest answer to a statement; the driver holds all of it. No page and no 500 rows of an import are longer. */
const MAX_ANSWER_BYTES = 64 * 2 ** 20

/** A server that waits for our answer says little; a hostile one could fill the memory meanwhile. */
const MAX_HELD_BYTES = 4 * MAX_MESSAGE_BYTES

const byte = (letter: string): number => letter.charCodeAt(0)

const AUTHENTICATION = byte('R')
const ROW = byte('D')
const READY = byte('Z')

/** Other messages during authentication: `ErrorResponse`, `NoticeResponse`, `NegotiateProtocolVersion`. */
const REFUSALS = new Set([...'ENv'].map(byte))

/** Messages after authentication, except those of COPY and of suspended portals, which this service does not use. */
const MESSAGES = new Set([...'KSZEN123CDInTtA'].map(byte))

/** The type, and the length, which does not include the type. */
const HEADER_BYTES = 5

/**
 * The socket for the driver. It authenticates by itself, and closes the connection on an unknown or too long message: the
 * driver would hold a message of any length in memory.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class Wire extends EventEmitter {
  readonly #socket: Socket
  readonly #authentication: Authentication
  /** The beginning of a message that has not fully arrived. */
  #held: Buffer = Buffer.alloc(0)
  /** How many bytes of a checked message are still to come. */
  #rest = 0
  /** About how many bytes of the answer to a statement have arrived. */
  #answered = 0
  #isAnswering = false

  constructor(socket: Socket, authentication: Authentication) {
    super()
    this.#socket = socket
    this.#authentication = authentication
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => this.listenerCount('error') > 0 && this.emit('error', error))
    socket.on('close', (hadError) => this.emit('close', hadError))
    socket.on('drain', () => this.emit('drain'))
  }

  get destroyed(): boolean {
    return this.#socket.destroyed
  }

  get readyState(): string {
    return this.#socket.readyState
  }

  write(chunk: Buffer, written?: () => void): boolean {
    return this.#socket.write(chunk, written)
  }

  end(chunk: Buffer): void {
    this.#socket.end(chunk)
  }

  setKeepAlive(enable: boolean, initialDelayMs: number): void {
    this.#socket.setKeepAlive(enable, initialDelayMs)
  }

  destroy(error?: Error): void {
    this.#socket.destroy(error)
  }

  #receive(chunk: Buffer): void {
    if (this.#authentication.isOver()) this.#pass(chunk)
    else {
      this.#held = Buffer.concat([this.#held, chunk])
      if (this.#held.length > MAX_HELD_BYTES) this.destroy(new ConnectionError('PROTOCOL_VIOLATION'))
      else if (!this.#isAnswering) this.#authenticate().catch((error) => this.destroy(error))
    }
  }

  /** Answers the messages of the authentication, and passes on others, such as an error, until it is over. */
  async #authenticate(): Promise<void> {
    this.#isAnswering = true
    while (this.#held.length >= HEADER_BYTES) {
      const length = this.#held.readUInt32BE(1)
      if (length < 4 || length > MAX_MESSAGE_BYTES) throw new ConnectionError('PROTOCOL_VIOLATION')
      if (this.#held.length <= length) break
      const message = this.#held.subarray(0, length + 1)
      this.#held = this.#held.subarray(length + 1)
      if (message[0] === AUTHENTICATION) {
        const answer = await this.#authentication.answer(message.subarray(HEADER_BYTES))
        if (answer) this.#socket.write(answer)
      } else if (REFUSALS.has(message[0] ?? 0)) this.emit('data', message)
      else throw new ConnectionError('PROTOCOL_VIOLATION')
      if (this.#authentication.isOver()) {
        const first = this.#held
        this.#held = Buffer.alloc(0)
        return this.#pass(first)
      }
    }
    this.#isAnswering = false
  }

  /** Checks the header of each message, and passes the bytes on unchanged. */
  #pass(chunk: Buffer): void {
    let at = this.#rest
    if (this.#held.length > 0) {
      const header = Buffer.concat([this.#held, chunk.subarray(0, HEADER_BYTES - this.#held.length)])
      if (header.length < HEADER_BYTES) at = chunk.length
      else at = this.#lengthAt(header, 0) - this.#held.length
      this.#held = header.length < HEADER_BYTES ? header : Buffer.alloc(0)
    }
    while (at + HEADER_BYTES <= chunk.length) at += this.#lengthAt(chunk, at)
    if (at < chunk.length) this.#held = chunk.subarray(at)
    this.#rest = Math.max(at - chunk.length, 0)
    this.#answered += chunk.length
    if (Number.isNaN(at) || this.#answered > MAX_ANSWER_BYTES)
      this.destroy(new ConnectionError('PROTOCOL_VIOLATION'))
    else this.emit('data', chunk)
  }

  /** The length of the whole message whose header is there, or NaN if it is not valid. */
  #lengthAt(bytes: Buffer, at: number): number {
    if (bytes[at] === READY) this.#answered = 0
    return 1 + checkedLength(bytes, at)
  }
}

/** The length in the header of a message, or NaN if the message is not valid. */
const checkedLength = (bytes: Buffer, at: number): number => {
  const type = bytes[at] ?? 0
  const length = bytes.readUInt32BE(at + 1)
  const most = type === ROW ? MAX_ROW_BYTES : MAX_MESSAGE_BYTES
  return MESSAGES.has(type) && length >= 4 && length <= most ? length : Number.NaN
}
