import { existsSync } from 'node:fs'
import { parseOrigins, parseSchemaName, parseTrustProxy } from './config/settings.ts'
import { readVariables, type VariableReader, type Variables } from './config/variables.ts'
import { type DatabaseAddress, parseDatabaseUrl } from './database-url.ts'
import { LOG_LEVELS, type LogLevel } from './log.ts'

export const ENVIRONMENTS = ['development', 'test', 'staging', 'production'] as const
export type Environment = (typeof ENVIRONMENTS)[number]

/** The configuration, read once at start. */
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
  /** The HS256 secret shared with Better Auth. If `undefined`, one is generated where that is allowed. */
  authSecret: string | undefined
  jwksUrl: URL | undefined
  jwtIssuer: string | undefined
  jwtAudience: string | undefined
  signupEnabled: boolean
  tokenTtlSeconds: number
  /** How many requests a minute one address may send to signup, and to login. */
  authRateLimit: number
  /** How many proxies append to `X-Forwarded-For`, or the name of the header with the client's address, in lower case. */
  trustProxy: number | string
  corsOrigins: string[]
  validationErrorStatus: 400 | 422
  deleteStatus: 204 | 200
  maxBodyBytes: number
  /** The bearer token for `GET /metrics`. Without it there is no such endpoint. */
  metricsToken: string | undefined
  /** Whether answers have a `Server-Timing` header. */
  serverTiming: boolean
  logLevel: LogLevel
  shutdownTimeoutMs: number
  /** Possible mistakes, as sentences for the log. */
  warnings: string[]
}

/** Everything that is wrong with the environment. The problems name variables and quote no values. */
export class ConfigError extends Error {
  readonly problems: string[]
  constructor(problems: string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** Where the service listens. */
const readListenAddress = ({ get, integer }: VariableReader): Pick<Config, 'host' | 'port'> => ({
  host: get('HOST') ?? '::',
  port: integer('PORT', 8000, 0, 65535),
})

const isLoopbackHost = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)

type TokenSettings = Pick<Config, 'authSecret' | 'jwksUrl' | 'jwtIssuer' | 'jwtAudience'>

/** What verifies tokens. */
const readTokenSettings = (read: VariableReader, production: boolean): TokenSettings => {
  const { problems, get } = read
  // Not trimmed: the signer does not trim it either.
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
  return { authSecret, jwksUrl, jwtIssuer, jwtAudience }
}

/**
 * Reads only the address to listen on, for commands that need no valid configuration.
 *
 * @throws {ConfigError}
 */
export const loadListenAddress = (variables: Variables = process.env): Pick<Config, 'host' | 'port'> => {
  const read = readVariables(variables)
  const address = readListenAddress(read)
  if (read.problems.length > 0) throw new ConfigError(read.problems)
  return address
}

/**
 * Reads the configuration.
 *
 * @param variables the environment of the process, with the contents of `.env`, which Bun adds
 * @throws {ConfigError} with all problems
 */
export const loadConfig = (variables: Variables = process.env): Config => {
  const read = readVariables(variables)
  const { problems, get } = read

  const environmentName = read.firstSet('ENVIRONMENT', 'NODE_ENV')
  const environment = read.oneOf(environmentName, 'development', ENVIRONMENTS)
  const production = environment === 'production'

  const databaseName = read.firstSet('DATABASE_URL', 'Neon_db_url')
  const database = read.parsed(databaseName, parseDatabaseUrl)
  if (production && !get(databaseName))
    problems.push('DATABASE_URL is required in production: give the connection string of a PostgreSQL server')

  const tokenSettings = readTokenSettings(read, production)

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
    ...tokenSettings,
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
    // Last, when the names of all variables are known.
    warnings: read.misspellings(),
  }
  if (problems.length > 0) throw new ConfigError([...problems, ...config.warnings])
  return config
}

/**
 * Removes the variables that begin with `PG` from the environment of the process. postgres.js would read a host, a
 * password and other options from them, and would throw on an unknown `PGTARGETSESSIONATTRS`.
 */
export const hideEnvironmentFromDriver = (): void => {
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
}

/**
 * The files that Bun has read into the environment, for the log. The package's scripts and the executable restrict Bun to
 * `.env`; `bun src/main.ts` reads more files.
 */
export const environmentFiles = (): string[] => {
  const named = process.execArgv.flatMap((argument) => /^--env-file=(.+)/.exec(argument)?.[1] ?? [])
  const mode = process.env.NODE_ENV || 'development'
  const files = named.length > 0 ? named : ['.env', `.env.${mode}`, '.env.local', `.env.${mode}.local`]
  return files.filter((file) => existsSync(file))
}

/** Excludes this machine and `hosts` from the proxy that `HTTP_PROXY` sets. */
export const bypassProxyFor = (...hosts: string[]): void => {
  // If both are set, Bun reads only the one in lower case.
  const exceptions = process.env.no_proxy ?? process.env.NO_PROXY
  process.env.no_proxy = [exceptions, 'localhost', '127.0.0.0/8', '::1', ...hosts].filter(Boolean).join(',')
}
