import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'

/**
 * The secret for a service that was given none: random, made once and kept in `dataDir`, so that tokens
 * outlive a restart.
 */
const keptSecret = (dataDir: string): { secret: string; file: string } => {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const file = join(dataDir, 'secret')
  const fresh = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')
  try {
    // Fails when the file is there, so that of two processes at the same moment both use the same.
    writeFileSync(file, fresh, { flag: 'wx', mode: 0o600 })
    return { secret: fresh, file }
  } catch {
    return { secret: readFileSync(file, 'utf8'), file }
  }
}

/** The secret for HS256, if there is one, and where it comes from, for people. */
export const chooseSecret = ({
  authSecret,
  jwksUrl,
  dataDir,
}: Pick<Config, 'authSecret' | 'jwksUrl' | 'dataDir'>): { secret: string | undefined; origin: string } => {
  if (authSecret !== undefined) return { secret: authSecret, origin: 'BETTER_AUTH_SECRET' }
  if (jwksUrl) return { secret: undefined, origin: 'none; keys come from JWKS_URL' }
  const { secret, file } = keptSecret(dataDir)
  return { secret, origin: `generated, kept in ${file}` }
}
