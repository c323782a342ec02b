import { buildApp } from '../../src/app.ts'
import { localRateLimiter } from '../../src/auth/rate-limit.ts'
import { createTokenSigner } from '../../src/auth/sign.ts'
import { createTokenVerifier } from '../../src/auth/token.ts'
import { loadConfig } from '../../src/config.ts'
import { createDatabase } from '../../src/db/database.ts'
import { databaseSource } from '../../src/db/source.ts'
import { openApiDocument } from '../../src/docs/openapi.ts'
import { createLog } from '../../src/log.ts'

const log = createLog({ level: 'silent', format: 'text' })
const timeless = { secret: 'x'.repeat(32), issuer: undefined, audience: undefined, now: Date.now }

/**
 * The OpenAPI document of the app as it would run with these variables. Nothing is ever asked of its database, so
 * nothing connects.
 */
export const documentWith = (variables: Record<string, string> = {}) => {
  const config = loadConfig({ DATABASE_URL: 'postgres://nobody@localhost/nothing', ...variables })
  const source = databaseSource(config, log)
  const app = buildApp({
    config,
    database: createDatabase({ connect: source.connect, max: 1, timeoutMs: 1000, maxPending: 1, log }),
    verifyToken: createTokenVerifier({ ...timeless, keySet: undefined }).verify,
    accounts: { sign: createTokenSigner({ ...timeless, ttlSeconds: 1 }), limiter: localRateLimiter },
    isReady: async () => false,
    log,
  })
  return openApiDocument(app, { ...config, version: '1.1.0' })
}
