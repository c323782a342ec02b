import { existsSync } from 'node:fs'
import { type DatabaseAddress, DatabaseUrlError, parseDatabaseUrl } from './database-url.ts'
import { LOG_LEVELS, type LogLevel } from './log.ts'
import { isNearMiss } from './near-miss.ts'
import { originMistake } from './origins.ts'

export const ENVIRONMENTS = ['development', 'test', 'staging', 'production'] as const
export type Environment = (typeof ENVIRONMENTS)[number]

/** Everything the service can be told, read once at start. */
export interface Config {
  environment: Environment
  host: string
  port: number
  /** The PostgreSQL server, or `undefined` for the embedded database in `dataDir`. */
  database: DatabaseAddress | undefined
  /** The schema of all tables. */
  databaseSchema: string
  dataDir: string
  databasePoolMax: number
  databaseTimeoutMs: number
  databasePrepare: boolean
  migrateOnStart: boolean
  /** The HS256 secret shared with Better Auth; `undefined` when one is still to be generated or not wanted. */
  authSecret: string | undefined
  jwksUrl: URL | undefined
  jwtIssuer: string | undefined
  jwtAudience: string | undefined
  signupEnabled: boolean
  tokenTtlSeconds: number
  /** Requests a minute from one address to each of signup and login. */
  authRateLimit: number
  /** How many proxies append to `X-Forwarded-For`, or the header that has the client's address, in lower case. */
  trustProxy: number | string
  corsOrigins: string[]
  validationErrorStatus: 400 | 422
  deleteStatus: 204 | 200
  maxBodyBytes: number
  /** Who knows it may read `GET /metrics`; without it there is none. */
  metricsToken: string | undefined
  /** Whether answers tell how long their parts took. */
  serverTiming: boolean
  logLevel: LogLevel
  shutdownTimeoutMs: number
  /** Sentences about what may be a mistake, by the names of the variables; to be told at start. */
  warnings: string[]
}

/** All that is wrong with the environment, by the names of the variables and without their values. */
export class ConfigError extends Error {
  readonly problems: string[]
  constructor(problems: string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** What is wrong with one variable, in words that continue its name. */
class VariableError extends Error {}

type Variables = Record<string, string | undefined>

/** Reads single variables and gathers what is wrong with them. An empty variable counts as absent. */
const reader = (variables: Variables) => {
  const problems: string[] = []
  const known = new Set<string>()
  /** As it is, where white space may be a part of it. */
  const getRaw = (name: string): string | undefined => {
    known.add(name)
    return variables[name] || undefined
  }
  const get = (name: string): string | undefined => getRaw(name)?.trim() || undefined
  return {
    problems,
    getRaw,
    get,
    /** Which of some names for the same thing counts. */
    firstSet: (...names: [string, ...string[]]): string => names.filter(get)[0] ?? names[0],
    /** Warnings of set variables whose names nearly are ones that were read. */
    misspellings: (): string[] =>
      Object.keys(variables).flatMap((name) => {
        const isSet = !known.has(name) && variables[name]
        const meant = isSet && [...known].find((other) => isNearMiss(name, other))
        return meant ? [`${name} is no variable of this service: if ${meant} is meant, correct the name`] : []
      }),
    integer(name: string, fallback: number, minimum: number, maximum: number): number {
      const text = get(name)
      if (text === undefined) return fallback
      const value = Number(text)
      if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value
      problems.push(`${name} must be a whole number from ${minimum} to ${maximum}`)
      return fallback
    },
    boolean(name: string, fallback: boolean): boolean {
      const text = get(name)
      if (text === undefined) return fallback
      if (text !== 'true' && text !== 'false') problems.push(`${name} must be true or false`)
      return text === 'true'
    },
    oneOf<const T extends string>(name: string, fallback: T, choices: readonly T[]): T {
      const text = get(name) ?? fallback
      const choice = choices.find((candidate) => candidate === text)
      if (choice === undefined) problems.push(`${name} must be one of ${choices.join(', ')}`)
      return choice ?? fallback
    },
    /** Runs `parse` on the variable when it is set; what `parse` throws is the problem, else `problem`. */
    parsed<T>(name: string, parse: (text: string) => T, problem = 'is not valid'): T | undefined {
      const text = get(name)
      if (text === undefined) return undefined
      try {
        return parse(text)
      } catch (error) {
        const isOurs = error instanceof DatabaseUrlError || error instanceof VariableError
        problems.push(`${name} ${isOurs ? error.message : problem}`)
        return undefined
      }
    },
  }
}

const isLoopbackHost = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)

/**
 * The name of a schema, as it is: not folded to lower case, and without quotes.
 * https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
 */
const parseSchemaName = (text: string): string => {
  if (!/^[\p{L}_][\p{L}\p{N}_$-]*$/u.test(text) || Buffer.byteLength(text) > 63)
    throw new VariableError('must be a name of letters, digits, _, $ and -, at most 63 bytes long')
  if (/^pg_|^information_schema$/.test(text))
    throw new VariableError('must not be a schema of PostgreSQL itself')
  return text
}

const parseOrigins = (text: string, problems: string[]): string[] => {
  const origins = text
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '')
  for (const mistake of new Set(origins.map(originMistake)))
    if (mistake) problems.push(`CORS_ORIGINS ${mistake}`)
  return origins
}

/** The names of headers that platforms set have a hyphen, which tells them from a misspelt word. */
const HEADER_NAME = /^[a-z][a-z0-9_]*(-[a-z0-9_]+)+$/

const parseTrustProxy = (text: string, problems: string[]): number | string => {
  const lower = text.toLowerCase()
  if (text === 'false' || text === 'true') return text === 'true' ? 1 : 0
  if (/^[1-9]\d?$/.test(text)) return Number(text)
  if (lower === 'x-forwarded-for') {
    problems.push('TRUST_PROXY must be true or the number of proxies that append to X-Forwarded-For')
  } else if (!HEADER_NAME.test(lower)) {
    problems.push(
      'TRUST_PROXY must be true, false, the number of proxies (1 to 99), or the name of a header with a hyphen, ' +
        'such as Fly-Client-IP',
    )
  }
  return lower
}

/** Where the service listens. */
const readListenAddress = ({ get, integer }: ReturnType<typeof reader>): Pick<Config, 'host' | 'port'> => ({
  host: get('HOST') ?? '::',
  port: integer('PORT', 8000, 0, 65535),
})

/**
 * Reads of the configuration only where the service listens, whatever the rest is like.
 *
 * @throws {ConfigError}
 */
export const loadListenAddress = (variables: Variables = process.env): Pick<Config, 'host' | 'port'> => {
  const read = reader(variables)
  const address = readListenAddress(read)
  if (read.problems.length > 0) throw new ConfigError(read.problems)
  return address
}

/**
 * Reads the configuration.
 *
 * @param variables the environment of the process, in which Bun has put what `.env` says
 * @throws {ConfigError} with every problem at once
 */
export const loadConfig = (variables: Variables = process.env): Config => {
  const read = reader(variables)
  const { problems, get } = read

  const environmentName = read.firstSet('ENVIRONMENT', 'NODE_ENV')
  const environment = read.oneOf(environmentName, 'development', ENVIRONMENTS)
  const production = environment === 'production'

  const databaseName = read.firstSet('DATABASE_URL', 'Neon_db_url')
  const database = read.parsed(databaseName, parseDatabaseUrl)
  if (production && !get(databaseName))
    problems.push('DATABASE_URL is required in production: give the connection string of a PostgreSQL server')

  // Taken as it is: a secret that the other side does not trim must not be trimmed here.
  const authSecret = read.getRaw('BETTER_AUTH_SECRET')
  if (authSecret !== undefined && [...authSecret].length < 32)
    problems.push(
      'BETTER_AUTH_SECRET must have at least 32 characters, as `openssl rand -base64 32` makes them',
    )
  const jwksUrl = read.parsed(
    'JWKS_URL',
    (text) => new URL(text),
    'must be a whole URL, such as https://app.example.com/api/auth/jwks',
  )
  const jwtIssuer = get('JWT_ISSUER')
  const jwtAudience = get('JWT_AUDIENCE')
  if (jwksUrl) {
    const plain = jwksUrl.protocol === 'http:' && (!production || isLoopbackHost(jwksUrl.hostname))
    if (jwksUrl.protocol !== 'https:' && !plain)
      problems.push(
        production
          ? 'JWKS_URL must be an https: URL, or http: to a loopback host, in production'
          : 'JWKS_URL must be an https: or http: URL',
      )
  }
  if (get('JWKS_URL')) {
    if (!jwtIssuer) problems.push('JWT_ISSUER is required with JWKS_URL: give the iss of the tokens')
    if (!jwtAudience) problems.push('JWT_AUDIENCE is required with JWKS_URL: give the aud of the tokens')
  } else if (production && !authSecret)
    problems.push('BETTER_AUTH_SECRET or JWKS_URL is required in production')

  const metricsToken = get('METRICS_TOKEN')
  if (metricsToken !== undefined && metricsToken.length < 16)
    problems.push('METRICS_TOKEN must have at least 16 characters')

  const config: Config = {
    environment,
    ...readListenAddress(read),
    database,
    databaseSchema: read.parsed('DATABASE_SCHEMA', parseSchemaName) ?? 'public',
    dataDir: get('DATA_DIR') ?? '.data',
    databasePoolMax: read.integer('DATABASE_POOL_MAX', 10, 1, 1000),
    databaseTimeoutMs: read.integer('DATABASE_TIMEOUT_MS', 5000, 100, 60_000),
    databasePrepare: read.boolean('DATABASE_PREPARE', true),
    migrateOnStart: read.boolean('MIGRATE_ON_START', true),
    authSecret,
    jwksUrl,
    jwtIssuer,
    jwtAudience,
    signupEnabled: read.boolean('SIGNUP_ENABLED', true),
    tokenTtlSeconds: read.integer('TOKEN_TTL_SECONDS', 86_400, 1, 31_536_000),
    authRateLimit: read.integer('AUTH_RATE_LIMIT', 20, 1, 1_000_000),
    trustProxy: parseTrustProxy(get('TRUST_PROXY') ?? 'false', problems),
    corsOrigins: parseOrigins(get('CORS_ORIGINS') ?? 'http://localhost:3000', problems),
    validationErrorStatus: read.oneOf('VALIDATION_ERROR_STATUS', '400', ['400', '422']) === '422' ? 422 : 400,
    deleteStatus: read.oneOf('DELETE_STATUS', '204', ['204', '200']) === '200' ? 200 : 204,
    maxBodyBytes: read.integer('MAX_BODY_BYTES', 65_536, 1, 1_073_741_824),
    metricsToken,
    serverTiming: read.boolean('SERVER_TIMING', environment === 'development'),
    logLevel: read.oneOf('LOG_LEVEL', 'info', LOG_LEVELS),
    shutdownTimeoutMs: read.integer('SHUTDOWN_TIMEOUT_MS', 10_000, 1, 600_000),
    // The last: by now every variable has been read, and so its name is known.
    warnings: read.misspellings(),
  }
  if (problems.length > 0) throw new ConfigError([...problems, ...config.warnings])
  return config
}

/**
 * Removes what begins with `PG` from the environment of the process: postgres.js would read a password, a host and
 * options of its own there, and throw when `PGTARGETSESSIONATTRS` is one that it does not know. Only what is listed
 * here configures this service.
 */
export const hideEnvironmentFromDriver = (): void => {
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
}

/**
 * The files that Bun has put into the environment, for the first lines of the log. The package's scripts and the
 * executable name `.env` to Bun; without that (`bun src/main.ts`) it reads more.
 */
export const environmentFiles = (): string[] => {
  const named = process.execArgv.flatMap((argument) => /^--env-file=(.+)/.exec(argument)?.[1] ?? [])
  const mode = process.env.NODE_ENV || 'development'
  const files = named.length > 0 ? named : ['.env', `.env.${mode}`, '.env.local', `.env.${mode}.local`]
  return files.filter((file) => existsSync(file))
}

/** Keeps what this machine serves, and `hosts`, from being asked for through the proxy of `HTTP_PROXY`. */
export const bypassProxyFor = (...hosts: string[]): void => {
  // Where both are set, Bun reads only the one in small letters.
  const exceptions = process.env.no_proxy ?? process.env.NO_PROXY
  process.env.no_proxy = [exceptions, 'localhost', '127.0.0.0/8', '::1', ...hosts].filter(Boolean).join(',')
}
