import { availableParallelism } from 'node:os'
import { type AnyElysia, Elysia } from 'elysia'
import packageJson from '../package.json' with { type: 'json' }
import { authGuard } from './auth/guard.ts'
import { createPasswordHasher } from './auth/password.ts'
import type { RateLimiter } from './auth/rate-limit.ts'
import { userRepository } from './auth/repository.ts'
import { accountPaths, accountRoutes } from './auth/routes.ts'
import type { TokenSigner } from './auth/sign.ts'
import type { VerifyToken } from './auth/token.ts'
import type { Config } from './config.ts'
import type { Database } from './db/database.ts'
import { docs } from './docs/routes.ts'
import { answers } from './http/answer.ts'
import { requestContext, withWholeUrl } from './http/context.ts'
import { crossOrigin } from './http/cors.ts'
import { forwardedWarning } from './http/forwarded.ts'
import { health } from './http/health.ts'
import { jsonBody } from './http/json-body.ts'
import type { Metrics } from './http/metrics.ts'
import { createOutbox } from './http/outbox.ts'
import { createServerTiming } from './http/server-timing.ts'
import { allowedMethodsOf, unmatched } from './http/unmatched.ts'
import type { Log } from './log.ts'
import { taskRepository } from './tasks/repository.ts'
import { taskRoutes } from './tasks/routes.ts'

/** Uses all cores but one, which answers requests. A login should not wait longer than a few seconds. */
const HASHING = {
  concurrency: Math.max(1, availableParallelism() - 1),
  maxWaiting: 1000,
  maxWaitingOfOne: 20,
  maxWaitMs: 5000,
}

/** The most memory for large answers that clients have not read yet, in total and for one user. */
const UNSENT = { maxBytes: 64 * 2 ** 20, maxBytesOfOne: 16 * 2 ** 20 }

/** The parts of the app. */
export interface Dependencies {
  config: Pick<
    Config,
    | 'corsOrigins'
    | 'validationErrorStatus'
    | 'deleteStatus'
    | 'maxBodyBytes'
    | 'tokenTtlSeconds'
    | 'authRateLimit'
    | 'trustProxy'
    | 'serverTiming'
  >
  database: Database
  verifyToken: VerifyToken
  /** The parts of signup and login. Without them, these endpoints do not exist. */
  accounts: { sign: TokenSigner; limiter: RateLimiter } | undefined
  /** Resolves to whether requests can be served now. */
  isReady: () => Promise<boolean>
  /** Whether the process is shutting down. Then each answer closes its connection. */
  isStopping?: () => boolean
  /** The metrics. Without them there is no `/metrics`. */
  metrics?: Metrics | undefined
  log: Log
}

/** Builds the app. It does not listen or connect yet. */
export const buildApp = ({
  config,
  database: plainDatabase,
  verifyToken,
  accounts,
  isReady,
  isStopping = () => false,
  metrics,
  log,
}: Dependencies) => {
  const timing = config.serverTiming ? createServerTiming() : undefined
  const database = timing ? { ...plainDatabase, run: timing.timed('db', plainDatabase.run) } : plainDatabase
  const guard = authGuard(timing?.timed('auth', verifyToken) ?? verifyToken)
  const body = jsonBody(config.maxBodyBytes)
  const outbox = createOutbox(UNSENT)
  const options = {
    tasks: taskRepository(database, Date.now),
    outbox,
    guard,
    body,
    deleteStatus: config.deleteStatus,
  }

  let allowedMethods = (_path: string): string[] => []
  const documented = (): AnyElysia => app

  const app = new Elysia({
    // One router for every kind of request. It also finds the path behind a short Host.
    systemRouter: false,
    handler: { standardHostname: false },
    // Unknown fields are ignored, not copied away.
    normalize: false,
  })
    .wrap((handle) => {
      const inner = (request: Request) => database.inRequest(() => handle(withWholeUrl(request)))
      return timing?.around(inner) ?? inner
    })
    .use(requestContext)
    .use(config.trustProxy === 0 ? forwardedWarning(log) : undefined)
    .use(
      answers({
        crossOrigin: crossOrigin(config.corsOrigins, log),
        isStopping,
        outbox,
        validationErrorStatus: config.validationErrorStatus,
        log,
        metrics,
        timing,
        allowedMethods: (path) => allowedMethods(path),
      }),
    )
    .use(metrics?.routes)
    .use(health({ version: packageJson.version, isReady }))
    .use(
      docs({
        name: packageJson.name,
        version: packageJson.version,
        // Loaded on demand: the OpenAPI plugin takes a tenth of the start-up time.
        openApiDocument: async () =>
          (await import('./docs/openapi.ts')).openApiDocument(documented(), {
            ...config,
            version: packageJson.version,
          }),
      }),
    )
    .use(taskRoutes('/api/tasks', options))
    .use(taskRoutes('/api/:user_id/tasks', options))
    // Without accounts, these routes are not used. They are always part of the clients' types.
    .use(
      (accounts &&
        accountRoutes({
          ...config,
          ...accounts,
          users: userRepository(database),
          passwords: createPasswordHasher(HASHING),
          body,
        })) as ReturnType<typeof accountRoutes>,
    )
    .use(accountPaths)
    .use(unmatched('/api/tasks', guard, ['GET', 'POST']))
    .use(unmatched('/api/:user_id/tasks', guard, ['GET', 'POST']))
    .use(unmatched('/api/auth', guard))
    .use(unmatched('/api', guard))
  allowedMethods = allowedMethodsOf(app)
  return app
}

/** The app's type, for Eden. */
export type App = ReturnType<typeof buildApp>
