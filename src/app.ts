import { Elysia } from 'elysia'
import packageJson from '../package.json' with { type: 'json' }
import { authGuard } from './auth/guard.ts'
import type { TokenVerifier } from './auth/token.ts'
import type { Config } from './config.ts'
import type { Database } from './db/client.ts'
import { answers } from './http/answer.ts'
import { requestContext, withWholeUrl } from './http/context.ts'
import { crossOrigin } from './http/cors.ts'
import { health } from './http/health.ts'
import { jsonBody } from './http/json-body.ts'
import { allowedMethodsOf, unmatched } from './http/unmatched.ts'
import type { Log } from './log.ts'
import { taskRepository } from './tasks/repository.ts'
import { taskRoutes } from './tasks/routes.ts'

/** What the app is made of. */
export interface Dependencies {
  config: Pick<Config, 'corsOrigins' | 'validationErrorStatus' | 'deleteStatus' | 'maxBodyBytes'>
  database: Database
  verifyToken: TokenVerifier
  /** Resolves to whether requests can be served now. */
  isReady: () => Promise<boolean>
  log: Log
}

/** Builds the app; nothing listens and nothing is connected yet. */
export const buildApp = ({ config, database, verifyToken, isReady, log }: Dependencies) => {
  const guard = authGuard(verifyToken)
  const options = {
    tasks: taskRepository(database),
    guard,
    body: jsonBody(config.maxBodyBytes),
    deleteStatus: config.deleteStatus,
  }

  let allowedMethods = (_path: string): string[] => []

  const app = new Elysia({
    // One router for every kind of request, which also finds the path behind a short Host.
    systemRouter: false,
    handler: { standardHostname: false },
    // Unknown fields are ignored, not copied away.
    normalize: false,
  })
    .wrap((handle) => (request: Request) => handle(withWholeUrl(request)))
    .use(requestContext)
    .use(
      answers({
        crossOrigin: crossOrigin(config.corsOrigins),
        validationErrorStatus: config.validationErrorStatus,
        log,
        allowedMethods: (path) => allowedMethods(path),
      }),
    )
    .use(health({ version: packageJson.version, isReady }))
    .use(taskRoutes('/api/tasks', options))
    .use(taskRoutes('/api/:user_id/tasks', options))
    .use(unmatched('/api/tasks', guard, ['GET', 'POST']))
    .use(unmatched('/api/:user_id/tasks', guard, ['GET', 'POST']))
    .use(unmatched('/api/auth', guard))
    .use(unmatched('/api', guard))
  allowedMethods = allowedMethodsOf(app)
  return app
}

/** The app's type, for Eden. */
export type App = ReturnType<typeof buildApp>
