import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'

/** The secret cannot be used; the message says why, for whoever started the service. */
export class SecretError extends Error {}

/** A secret in `file`, unless there is one: a whole one or none, also when two processes do this at once. */
const createSecret = (file: string): void => {
  const draft = `${file}.${crypto.randomUUID()}`
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  writeFileSync(draft, Buffer.from(bytes).toString('hex'), { mode: 0o600, flush: true })
  try {
    linkSync(draft, file)
  } catch (error) {
    if (!existsSync(file)) throw error
  } finally {
    unlinkSync(draft)
  }
}

/**
 * The secret for a service that was given none: random, made once and kept in `dataDir`, so that tokens
 * outlive a restart.
 */
const keptSecret = (dataDir: string): { secret: string; file: string } => {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  chmodSync(dataDir, 0o700)
  const file = join(dataDir, 'secret')
  if (!existsSync(file)) createSecret(file)
  const secret = readFileSync(file, 'utf8')
  // With an empty or a short one anybody could make tokens.
  if (secret.length < 32) throw new SecretError(`${file} holds no secret: delete it for a new one`)
  return { secret, file }
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
