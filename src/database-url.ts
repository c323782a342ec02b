import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { describeMistake, describeUnescaped } from './database-url-mistakes.ts'

/** How a connection is protected, as in libpq. */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

/** The address of a PostgreSQL server, and how to connect to it. */
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
  /** The startup parameter `options`. Neon can use it to name the endpoint. */
  options: string | undefined
  /** The names of parameters of the URL that are ignored. */
  ignored: string[]
}

/** A connection string cannot be used. The message says what is wrong and what to do, and contains no value. */
export class DatabaseUrlError extends Error {}

const refuse = (problem: string): never => {
  throw new DatabaseUrlError(problem)
}

/**
 * Matches the parts of a connection string, still percent-encoded. Separators in them must be escaped. libpq is less strict:
 * it takes the part of a password before an unescaped `/` for a host.
 */
const FORM =
  /^postgres(?:ql)?:\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?([^@/?#]*)(?:\/([^@?#]*))?(?:\?([^#]*))?$/i

const NO_FORM = 'is not a postgresql:// connection string: write postgresql://user:password@host/database'

/** A host and its port. A list of hosts matches as one host, so that it can be reported. */
const ADDRESS = /^(\[[^\]]*\]|[^:,]*)(?::([^,]*))?$/

const decode = (text: string, part: string): string => {
  if (text.includes('%00')) refuse(`has a NUL character (%00) in the ${part}: leave it away`)
  try {
    return decodeURIComponent(text)
  } catch {
    return refuse(`has a malformed percent-encoding in the ${part}: write % itself as %25`)
  }
}

/** Parses parameters. `undefined` if one has no value. `+` is a plus, unlike in forms. The last value of a name counts. */
const readParameters = (query: string): Map<string, string> | undefined => {
  const parameters = new Map<string, string>()
  for (const parameter of query.split('&').filter((text) => text !== '')) {
    const [, name, value] = /^([^=]*)=(.*)$/.exec(parameter) ?? []
    if (name === undefined || value === undefined) return undefined
    // JDBC's form, which libpq also accepts.
    if (parameter === 'ssl=true') parameters.set('sslmode', 'require')
    else parameters.set(decode(name, 'name of a parameter'), decode(value, 'value of a parameter'))
  }
  return parameters
}

const UNDERSTOOD = new Set([
  'host',
  'port',
  'dbname',
  'user',
  'password',
  'sslmode',
  'sslrootcert',
  'channel_binding',
  'options',
])

/** Normalizes a host. The directory of a socket stays unchanged. */
const readHost = (text: string): string => {
  if (text.startsWith('/') && !text.includes(',')) return text
  const host = text
    .replace(/^\[|\]$/g, '')
    .replace(/\.+$/, '')
    .toLowerCase()
  if (host === '') refuse('names no host: write it behind the @, or as the parameter host')
  if (host.includes(',')) refuse('names more than one host: give the one that takes writes, or a pooler')
  if (isIP(host) === 0 && !/^[\w.-]+$/.test(host))
    refuse('names a host that is no host name, no address and no directory')
  return host
}

const readPort = (text: string): number => {
  const port = /^\d+$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65535
    ? port
    : refuse('has an invalid port: give one from 1 to 65535, and put an IPv6 address in brackets')
}

/** True for this machine: its loopback addresses, and the directory of a Unix socket. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

/** The domains of Neon's endpoints, in all regions and clouds. The second one is Neon's staging domain. */
const NEON = /(^|\.)neon\.(tech|build)$/

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']
const CHANNEL_BINDINGS = ['disable', 'prefer', 'require']

const readSslMode = (host: string, parameters: Map<string, string>): SslMode => {
  const given = parameters.get('sslmode')
  if (given !== undefined && !SSL_MODES.includes(given))
    refuse(`has an unknown sslmode: it is one of ${SSL_MODES.join(', ')}`)
  const binding = parameters.get('channel_binding')
  if (binding !== undefined && !CHANNEL_BINDINGS.includes(binding))
    refuse(`has an unknown channel_binding: it is one of ${CHANNEL_BINDINGS.join(', ')}`)

  const rootCertificate = parameters.get('sslrootcert')
  const verifies = [
    NEON.test(host) && 'Neon is reached over TLS',
    // The driver does not support channel binding. A verified certificate replaces it.
    binding === 'require' && 'channel_binding=require needs TLS',
    rootCertificate === 'system' && 'sslrootcert=system needs TLS',
  ].find((reason) => reason !== false)
  if (verifies)
    return given === 'disable' ? refuse(`must not say sslmode=disable: ${verifies}`) : 'verify-full'

  // As in libpq: a Unix socket needs no TLS, and a root certificate implies `verify-ca`.
  if (host.startsWith('/')) return 'disable'
  if (rootCertificate && (given === undefined || given === 'require')) return 'verify-ca'
  if (given === undefined) return isLoopback(host) ? 'disable' : 'require'
  return given === 'allow' ? 'prefer' : (given as SslMode)
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

const readCertificate = (file: string | undefined): string | undefined => {
  if (!file || file === 'system') return undefined
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return refuse('names an sslrootcert that cannot be read')
  }
  try {
    // Checked here: with an empty file TLS would trust the system's, and with a broken one fail on each connection.
    if (text.match(CERTIFICATE)?.every((certificate) => new X509Certificate(certificate))) return text
  } catch {}
  return refuse('names an sslrootcert that holds no valid certificate')
}

/**
 * Reads a PostgreSQL connection string, as Neon's console gives it, the way libpq does.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 *
 * `sslmode` defaults to `require` (`disable` for a loopback host). It is `verify-full` for Neon and with
 * `channel_binding=require`, whatever the URL says, and at least `verify-ca` with an `sslrootcert`.
 *
 * @throws {DatabaseUrlError} what is wrong with it and what to do, in words that continue the name of the variable
 */
export const parseDatabaseUrl = (text: string): DatabaseAddress => {
  const mistake = describeMistake(text)
  if (mistake) refuse(mistake)
  const form = FORM.exec(text) ?? refuse(describeUnescaped(text) ?? NO_FORM)
  const [, givenUser = '', givenPassword = '', address = '', path = '', query = ''] = form
  const [, givenHost = '', givenPort = ''] = ADDRESS.exec(address) ?? ['', address]
  // With a `?` in the password, the rest of it and the host look like parameters. So both checks consider it.
  const parameters =
    readParameters(query) ??
    refuse(describeUnescaped(text) ?? 'has a parameter without a value: write name=value')
  const user = parameters.get('user') ?? decode(givenUser, 'user name')
  if (user === '') refuse(describeUnescaped(text) ?? 'names no user: write it in front of the @')
  if (parameters.has('schema')) refuse('names a schema: leave schema=… away, and set DATABASE_SCHEMA instead')
  if (path.includes('/')) refuse('has a slash in the name of the database: write it as %2F')
  const host = readHost(parameters.get('host') ?? decode(givenHost, 'host'))

  return {
    host,
    port: readPort((parameters.get('port') ?? givenPort) || '5432'),
    database: (parameters.get('dbname') ?? decode(path, 'name of the database')) || user,
    user,
    password: (parameters.get('password') ?? decode(givenPassword, 'password')) || undefined,
    sslMode: readSslMode(host, parameters),
    rootCertificate: readCertificate(parameters.get('sslrootcert')),
    options: parameters.get('options') || undefined,
    ignored: [...parameters.keys()].filter((name) => !UNDERSTOOD.has(name)),
  }
}
