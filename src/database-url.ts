import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** How a connection is protected; the words are libpq's. */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

/** Where a PostgreSQL server is and how to speak to it. */
export interface DatabaseAddress {
  /** A host name, an address, or the directory of a Unix socket. */
  host: string
  port: number
  database: string
  user: string
  password: string | undefined
  sslMode: SslMode
  /** Certificates (PEM) to trust instead of the system's, from `sslrootcert`. */
  rootCertificate: string | undefined
  /** The startup parameter `options`, by which Neon can name the endpoint. */
  options: string | undefined
  /** Parameters of the URL that this service has no use for, by name. */
  ignored: string[]
}

/** A connection string that cannot be used; its message names what is wrong and repeats no value. */
export class DatabaseUrlError extends Error {}

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']

// Accepted, but met by other means: channel binding by verifying the certificate.
const UNDERSTOOD = [
  'sslmode',
  'sslrootcert',
  'channel_binding',
  'options',
  'host',
  'port',
  'user',
  'password',
]

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host) || host.startsWith('/')

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new DatabaseUrlError('has a malformed percent-encoding')
  }
}

const sslModeFor = (host: string, given: string | null): SslMode => {
  if (given !== null && !SSL_MODES.includes(given)) throw new DatabaseUrlError('has an unknown sslmode')
  if (host === 'neon.tech' || host.endsWith('.neon.tech')) {
    if (given === 'disable')
      throw new DatabaseUrlError('must not say sslmode=disable: Neon is reached over TLS')
    return 'verify-full'
  }
  if (given === null) return isLoopback(host) ? 'disable' : 'require'
  return given === 'allow' ? 'prefer' : (given as SslMode)
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

const readCertificate = (file: string | null): string | undefined => {
  if (file === null || file === 'system') return undefined
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new DatabaseUrlError('names an sslrootcert that cannot be read')
  }
  try {
    // Found out here: given none, TLS would trust the system's, and given a broken one, throw on each connection.
    if (text.match(CERTIFICATE)?.every((certificate) => new X509Certificate(certificate))) return text
  } catch {}
  throw new DatabaseUrlError('names an sslrootcert that holds no valid certificate')
}

/** A host as it is compared and connected to; the directory of a socket stays as it is. */
const normalizeHost = (host: string): string =>
  host.startsWith('/')
    ? host
    : host
        .replace(/^\[|\]$/g, '')
        .replace(/\.$/, '')
        .toLowerCase()

/**
 * Reads a PostgreSQL connection string, as Neon's console gives it.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 *
 * `sslmode` defaults to `require` (`disable` for a loopback host), and is `verify-full` for Neon whatever the
 * URL says.
 *
 * @throws {DatabaseUrlError} what is wrong with it, in words that continue the name of the variable
 */
export const parseDatabaseUrl = (text: string): DatabaseAddress => {
  const url = URL.parse(text)
  if (!url || !/^postgres(ql)?:$/.test(url.protocol))
    throw new DatabaseUrlError('is not a postgresql:// connection string')
  const parameter = (name: string) => url.searchParams.get(name)

  const host = normalizeHost(parameter('host') ?? decode(url.hostname))
  const user = parameter('user') ?? decode(url.username)
  const port = Number(parameter('port') ?? (url.port || 5432))
  const database = decode(url.pathname.slice(1)) || user
  if (host === '') throw new DatabaseUrlError('names no host')
  if (host.includes(',')) throw new DatabaseUrlError('names more than one host')
  if (user === '') throw new DatabaseUrlError('names no user')
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new DatabaseUrlError('has an invalid port')
  if (database.includes('/')) throw new DatabaseUrlError('has a slash in the name of the database')

  return {
    host,
    port,
    database,
    user,
    password: parameter('password') ?? (decode(url.password) || undefined),
    sslMode: sslModeFor(host, parameter('sslmode')),
    rootCertificate: readCertificate(parameter('sslrootcert')),
    options: parameter('options') ?? undefined,
    ignored: [...url.searchParams.keys()].filter((name) => !UNDERSTOOD.includes(name)),
  }
}
