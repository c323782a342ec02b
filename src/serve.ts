import { buildApp } from './app.ts'
import { createKeySet } from './auth/key-set.ts'
import { localRateLimiter, sharedRateLimiter } from './auth/rate-limit.ts'
import { chooseSecret } from './auth/secret.ts'
import { createTokenSigner } from './auth/sign.ts'
import { createTokenVerifier } from './auth/token.ts'
import { bypassProxyFor, type Config, environmentFiles } from './config.ts'
import { createDatabase } from './db/database.ts'
import { isMigrated } from './db/journal.ts'
import { databaseSource, prepareDatabase } from './db/source.ts'
import { listen } from './http/listen.ts'
import { commandLine } from './invocation.ts'
import { createLog, type Log, type LogFields } from './log.ts'
import { listenError, StartError } from './system-error.ts'

/** How many statements may wait for each connection before more are refused: a fraction of a second's work. */
const PENDING_PER_CONNECTION = 200

/** How long the listener stays open after SIGTERM, so that balancers see that the service is not ready. */
const NOTICE_MS = 1000

/** How long the database may take to say goodbye, when all requests are answered: it may be out of reach. */
const GOODBYE_MS = 1000

/**
 * Listens as {@link listen} does, and says where: the address to open in a browser, and the one that it really is.
 *
 * @throws {StartError} for what is wrong with `HOST` or `PORT`
 */
const listenAndTell = (app: ReturnType<typeof buildApp>, config: Config, log: Log): void => {
  try {
    const address = listen(app, config)
    const url = `http://${address.replace(/^(\[::\]|0\.0\.0\.0):/, 'localhost:')}`
    log.info(`listening on ${url}`, { docs: `${url}/docs`, address, environment: config.environment })
  } catch (error) {
    throw listenError(error, config)
  }
}

/** Whether who started the service reads the log; else only standard error is sure to be read. */
const isLogOnTerminal = ({ logLevel }: Config): boolean =>
  logLevel !== 'silent' && process.stdout.isTTY && process.stderr.isTTY

/** Ends the process. The reason is in the log and, as for every command, on standard error. */
const fail = (config: Config, log: Log, message: string, fields?: LogFields): never => {
  log.error(message, fields)
  log.flush()
  if (!isLogOnTerminal(config)) process.stderr.write(`${message}\n`)
  process.exit(1)
}

/** Ends the process with a sentence for what can be mended from outside, and with the stack of a defect. */
const failWith = (config: Config, log: Log, error: unknown): never =>
  error instanceof StartError
    ? fail(config, log, error.message)
    : fail(config, log, 'internal error', { stack: error instanceof Error ? error.stack : String(error) })

const start = async (config: Config, log: Log) => {
  bypassProxyFor()
  const { secret, origin } = chooseSecret(config)
  const source = databaseSource(config, log)
  const database = createDatabase({
    schema: config.databaseSchema,
    connect: source.connect,
    max: source.maxConnections,
    timeoutMs: config.databaseTimeoutMs,
    maxPending: config.databasePoolMax * PENDING_PER_CONNECTION,
    log,
  })
  const tokens = createTokenVerifier({
    secret,
    keySet: config.jwksUrl && createKeySet({ url: config.jwksUrl, log, now: () => performance.now(), fetch }),
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
    now: Date.now,
  })

  const accounts =
    secret !== undefined && config.signupEnabled
      ? {
          sign: createTokenSigner({
            secret,
            ttlSeconds: config.tokenTtlSeconds,
            issuer: config.jwtIssuer,
            audience: config.jwtAudience,
            now: Date.now,
          }),
          limiter: config.database ? sharedRateLimiter(database) : localRateLimiter,
        }
      : undefined

  let isStopping = false
  const isReady = async () => !isStopping && (await isMigrated(database.run, database.tables))
  const metrics = config.metricsToken
    ? // Loaded only when asked for: prom-client takes a tenth of the start.
      (await import('./http/metrics.ts')).createMetrics({
        token: config.metricsToken,
        databaseStats: database.stats,
        tokenCounts: tokens.counts,
      })
    : undefined
  const app = buildApp({
    config,
    database,
    verifyToken: tokens.verify,
    accounts,
    isReady,
    isStopping: () => isStopping,
    metrics,
    log,
  })

  listenAndTell(app, config, log)
  log.info(`database: ${source.description}`)
  for (const file of environmentFiles()) log.info(`settings: also from ${file}`)
  for (const warning of config.warnings) log.warn(warning)
  if (config.database?.ignored.length)
    log.warn('DATABASE_URL has parameters that are ignored', { names: config.database.ignored.join(', ') })
  log.info(`token secret: ${origin}`)
  if (secret !== undefined && config.environment !== 'production')
    log.info(`for a token to try it with: ${commandLine('token <user-id>')}`)
  log.flush()

  const stop = async (signal: NodeJS.Signals) => {
    if (isStopping) {
      log.warn(`${signal} again: stopping at once`)
      log.flush()
      process.exit(1)
    }
    isStopping = true
    const { server } = app
    log.info(`${signal}: stopping`)
    const timeout = setTimeout(
      () =>
        fail(
          config,
          log,
          `not stopped within SHUTDOWN_TIMEOUT_MS, cut off: ${server?.pendingRequests} requests`,
        ),
      config.shutdownTimeoutMs,
    )
    if (signal === 'SIGTERM') await Bun.sleep(Math.min(NOTICE_MS, config.shutdownTimeoutMs / 2))
    await server?.stop()
    await Promise.race([database.close(), Bun.sleep(Math.min(GOODBYE_MS, config.shutdownTimeoutMs / 4))])
    await source.close()
    clearTimeout(timeout)
    log.info('stopped')
    log.flush()
    process.exit(0)
  }
  const crash = (error: unknown) => failWith(config, log, error)
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  const isUpToDate = await prepareDatabase(source, {
    schema: config.databaseSchema,
    migrateOnStart: config.migrateOnStart,
    log,
  })
  database.open(isUpToDate)
  if (isUpToDate) log.info('ready', { start_ms: Math.round(performance.now()) })
}

/**
 * Serves until a signal comes, and then ends the process. What goes wrong meanwhile ends it with 1.
 */
export const serve = async (config: Config): Promise<void> => {
  const format = config.environment === 'production' || config.environment === 'staging' ? 'json' : 'text'
  const log = createLog({ level: config.logLevel, format })
  try {
    await start(config, log)
  } catch (error) {
    failWith(config, log, error)
  }
}
