import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { buildApp } from '../src/app.ts'
import { localRateLimiter } from '../src/auth/rate-limit.ts'
import { createTokenSigner } from '../src/auth/sign.ts'
import { createTokenVerifier } from '../src/auth/token.ts'
import { loadConfig } from '../src/config.ts'
import { createDatabase } from '../src/db/database.ts'
import { databaseSource } from '../src/db/source.ts'
import { openApiDocument } from '../src/docs/openapi.ts'
import { createLog } from '../src/log.ts'
import { temporaryDirectory } from './support/cleanup.ts'

/** `bun run openapi:lint`: two validators that know nothing of each other read the OpenAPI document. */

const log = createLog({ level: 'silent', format: 'text' })
const timeless = { secret: 'x'.repeat(32), issuer: undefined, audience: undefined, now: Date.now }

/** The app as it would run; nothing is ever asked of its database, so nothing connects. */
const appFor = (variables: Record<string, string>) => {
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
  return openApiDocument(app, { ...config, version: '1.0.0' })
}

/** True when both find no error. */
const isValid = async (document: Record<string, unknown>, file: string): Promise<boolean> => {
  await Bun.write(file, JSON.stringify(document, null, 2))
  const redocly = Bun.spawnSync(
    [process.execPath, '--bun', 'x', 'redocly', 'lint', '--extends=recommended', '--format=stylish', file],
    {
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      stdout: 'inherit',
      stderr: 'inherit',
    },
  )
  const { valid, errors } = await new Validator().validate(structuredClone(document))
  console.log('@seriousme/openapi-schema-validator:', valid ? 'valid' : errors)
  return redocly.exitCode === 0 && valid
}

const directory = temporaryDirectory('openapi')
let areValid = true
for (const variables of [{}, { DELETE_STATUS: '200', VALIDATION_ERROR_STATUS: '422' }]) {
  const document = await appFor(variables)
  const operations = Object.values(document.paths as object).flatMap(Object.keys).length
  console.log(`\n${operations} operations, with`, variables)
  areValid = (await isValid(document, join(directory.path, 'openapi.json'))) && areValid
}
await directory.remove()
process.exit(areValid ? 0 : 1)
