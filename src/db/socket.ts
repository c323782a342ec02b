import { isIP, connect as openTcp, type Socket } from 'node:net'
import { type ConnectionOptions, createSecureContext, getCACertificates, connect as openTls } from 'node:tls'
import { type DatabaseAddress, isLoopback } from '../database-url.ts'
import { ConnectionError } from './sqlstate.ts'

/** A server that speaks no TLS although `sslmode` asks for it; nothing but that question was sent to it. */
export class TlsRefusedError extends Error {}

/** What the server tells of a connection, with which another one may cancel what it runs. */
export interface CancelKey {
  pid: number
  secret: number
}

/** How to reach a server. */
export interface ServerSockets {
  /**
   * Connects, over TLS as `sslmode` asks.
   *
   * @throws {ConnectionError} and errors of the system's: see `isTransient`
   * @throws {TlsRefusedError}
   */
  open(): Promise<Socket>
  /**
   * Asks the server, over a connection of its own, to cancel what another runs; nothing tells whether it did.
   * Resolves when the server has closed that connection, which one that hangs does not.
   */
  cancel(key: CancelKey): Promise<void>
}

/**
 * The longest each step may take: one or two round trips. The system sends a lost packet again after 1 s, and
 * then after 2 s and 4 s: a new attempt is sooner.
 */
const STEP_TIMEOUT_MS = 1000

/** How many requests to cancel wait for a server that hangs; more are not sent. */
const MAX_CANCELS = 16

/** When a request to cancel is given up: long after every pooler has closed it, if the network still lets it. */
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
 * The system's authorities, and those of NODE_EXTRA_CA_CERTS. Bun by itself would use its own list, and of the
 * system's only what stands in a directory that it knows. A container may have none: then that list will do.
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
    // Made once: reading so many certificates takes some milliseconds.
    secureContext: createSecureContext({ ca: rootCertificate ?? systemAuthorities() }),
    ...(sslMode === 'verify-ca' && { checkServerIdentity: () => undefined }),
  }
}

/** Waits for an event of a socket, which is destroyed when it fails, closes or takes too long before that. */
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

/** Whether who answers at an address can be nobody else: on this machine, or with a certificate that is verified. */
export const isServerKnown = ({ host, sslMode }: DatabaseAddress): boolean =>
  isLoopback(host) || sslMode === 'verify-ca' || sslMode === 'verify-full'

/** Sockets to a PostgreSQL server. */
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
    // No more than this one byte: what came with it would pass for something said over TLS (CVE-2021-23222).
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
      // Not ended here: PgBouncer before 1.19 dies of that (pgbouncer#801). It closes when the server has.
      socket
        .resume()
        .unref()
        .write(message(16, CANCEL_REQUEST, pid, secret))
      await closed
    } catch {
      // Out of reach: then what runs there is out of reach, too.
    } finally {
      cancels -= 1
    }
  }

  return { open, cancel }
}
