import { isIP, connect as openTcp, type Socket } from 'node:net'
import { type ConnectionOptions, createSecureContext, getCACertificates, connect as openTls } from 'node:tls'
import { type DatabaseAddress, isLoopback } from '../database-url.ts'
import { ConnectionError } from './sqlstate.ts'

/** The server does not support TLS, and `sslmode` requires it. Nothing was sent but the request for TLS. */
export class TlsRefusedError extends Error {}

/** The server's `BackendKeyData` for a connection. Another connection needs it to cancel a statement. */
export interface CancelKey {
  pid: number
  secret: number
}

/** Opens sockets to one server. */
export interface ServerSockets {
  /**
   * Connects, over TLS as `sslmode` asks.
   *
   * @throws {ConnectionError} and errors of the system's: see `isTransient`
   * @throws {TlsRefusedError}
   */
  open(): Promise<Socket>
  /**
   * Asks the server, over a separate connection, to cancel a statement. The server does not say whether it did.
   * Resolves when the server has closed the separate connection. A hung server never does.
   */
  cancel(key: CancelKey): Promise<void>
}

/**
 * The timeout of each step, which is one or two round trips. TCP retransmits a lost packet after 1 s, then after 2 s and
 * 4 s: a new attempt is faster.
 */
const STEP_TIMEOUT_MS = 1000

/** The most cancel requests at a time. While so many wait for a hung server, no more are sent. */
const MAX_CANCELS = 16

/** The timeout of a cancel request. Every pooler closes it much earlier, unless the network is down. */
const CANCEL_TIMEOUT_MS = 600_000

// https://www.postgresql.org/docs/current/protocol-message-formats.html
const SSL_REQUEST = 80_877_103
const CANCEL_REQUEST = 80_877_102

const message = (...words: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * words.length)
  words.forEach((word, index) => {
    bytes.writeUInt32BE(word, 4 * index)
  })
  return bytes
}

/**
 * The certificate authorities of the system and of NODE_EXTRA_CA_CERTS. Bun's default is its own list, with the system's
 * only where it knows their directory. That list is used if the system has none, as in a minimal container.
 */
const systemAuthorities = (): string[] => {
  const system = getCACertificates('system')
  return system.length > 0 ? [...system, ...getCACertificates('extra')] : getCACertificates('default')
}

const tlsOptions = ({ host, sslMode, rootCertificate }: DatabaseAddress): ConnectionOptions => {
  const name = { host, ...(isIP(host) === 0 && { servername: host }) }
  if (sslMode === 'prefer' || sslMode === 'require') return { ...name, rejectUnauthorized: false }
  return {
    ...name,
    rejectUnauthorized: true,
    // Created once, because parsing the certificates takes some milliseconds.
    secureContext: createSecureContext({ ca: rootCertificate ?? systemAuthorities() }),
    ...(sslMode === 'verify-ca' && { checkServerIdentity: () => undefined }),
  }
}

/** Waits for an event of a socket. Destroys the socket if it fails, closes or times out first. */
const eventOf = async <T>(socket: Socket, event: string): Promise<T> => {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => reject(new ConnectionError('CONNECT_TIMEOUT')), STEP_TIMEOUT_MS)
  socket.once(event, resolve).once('error', reject)
  socket.once('close', () => reject(new ConnectionError('CONNECTION_CLOSED')))
  try {
    return await promise
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

const startTls = async (plain: Socket, options: ConnectionOptions): Promise<Socket> => {
  const socket = openTls({ ...options, socket: plain })
  try {
    await eventOf(socket, 'secureConnect')
    return socket
  } catch (error) {
    plain.destroy()
    throw error
  }
}

/** Whether no impostor can answer: the server is on this machine, or its certificate is verified. */
export const isServerKnown = ({ host, sslMode }: DatabaseAddress): boolean =>
  isLoopback(host) || sslMode === 'verify-ca' || sslMode === 'verify-full'

/** Sockets to a PostgreSQL server. TLS follows `sslmode`. */
export const serverSockets = (address: DatabaseAddress): ServerSockets => {
  const { host, port, sslMode } = address
  const tls = sslMode === 'disable' ? undefined : tlsOptions(address)

  const open = async (): Promise<Socket> => {
    const socket = host.startsWith('/')
      ? openTcp({ path: `${host}/.s.PGSQL.${port}` })
      : openTcp({ host, port })
    await eventOf(socket, 'connect')
    if (!tls) return socket
    socket.write(message(8, SSL_REQUEST))
    const answer = await eventOf<Buffer>(socket, 'data')
    // Exactly one byte: any further bytes would count as received over TLS (CVE-2021-23222).
    const word = answer.toString('latin1')
    if (word === 'S') return startTls(socket, tls)
    if (word === 'N' && sslMode === 'prefer') return socket
    socket.destroy()
    throw word === 'N'
      ? new TlsRefusedError(`the server speaks no TLS, which sslmode=${sslMode} asks for`)
      : new ConnectionError('PROTOCOL_VIOLATION')
  }

  let cancels = 0
  const cancel = async ({ pid, secret }: CancelKey): Promise<void> => {
    if (cancels === MAX_CANCELS) return
    cancels += 1
    try {
      const socket = await open()
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.on('error', () => {}).setTimeout(CANCEL_TIMEOUT_MS, () => socket.destroy())
      // The server closes it. PgBouncer before 1.19 crashes when the client does (pgbouncer#801).
      socket
        .resume()
        .unref()
        .write(message(16, CANCEL_REQUEST, pid, secret))
      await closed
    } catch {
      // The server cannot be reached, so the statement cannot be cancelled.
    } finally {
      cancels -= 1
    }
  }

  return { open, cancel }
}
