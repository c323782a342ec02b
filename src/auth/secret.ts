import fs, { constants, type Stats } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { makeDataDir } from '../data-dir.ts'
import { dataDirError, StartError, systemErrorCode } from '../system-error.ts'

/** The secret cannot be used. The message is for the person who starts the service. */
export class SecretError extends StartError {}

const MIN_LENGTH = 32

const newSecret = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')

/** Runs `use` with the name of a new private file beside `file`. Removes that file afterwards. */
const withDraft = <T>(file: string, content: string, use: (draft: string) => T): T => {
  const draft = `${file}.${crypto.randomUUID()}`
  try {
    fs.writeFileSync(draft, content, { mode: 0o600, flag: 'wx', flush: true })
    return use(draft)
  } finally {
    if (fs.existsSync(draft)) fs.unlinkSync(draft)
  }
}

/** Creates the secret in `file` unless it exists. Atomic, even if two processes do it at the same time. */
const createSecret = (file: string): void => {
  const secret = newSecret()
  withDraft(file, secret, (draft) => {
    try {
      fs.linkSync(draft, file)
    } catch (error) {
      if (systemErrorCode(error) === 'EEXIST') return
      createWithoutLink(file, secret)
    }
  })
}

/** The same for a file system without links (exFAT). The second process may have to wait for the first. */
const createWithoutLink = (file: string, secret: string): void => {
  try {
    fs.writeFileSync(file, secret, { mode: 0o600, flag: 'wx', flush: true })
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error
    for (let tries = 0; tries < 100 && fs.statSync(file).size < MIN_LENGTH; tries += 1) Bun.sleepSync(10)
  }
}

const isPrivate = ({ uid, mode }: Stats): boolean =>
  (mode & 0o077) === 0 && (process.geteuid === undefined || uid === process.geteuid())

/** Whether a file is as private as a new one in its directory. Some file systems have no owners or modes. */
const isLikeOurs = (file: string, { uid, mode }: Stats): boolean => {
  try {
    return withDraft(file, '', (draft) => {
      const ours = fs.statSync(draft)
      return uid === ours.uid && mode === ours.mode
    })
  } catch {
    return false
  }
}

/**
 * Reads the secret, if nobody else can have written or read it: who knows the secret can make tokens.
 */
const readSecret = (file: string): string => {
  let descriptor: number
  try {
    // Links and pipes are refused: a link could lead to a file that others can read, and a pipe would block.
    descriptor = fs.openSync(
      file,
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    )
  } catch (error) {
    if (systemErrorCode(error) === 'ELOOP')
      throw new SecretError(
        `${file} is a link, which is not followed: delete it, or put the file in its place`,
      )
    throw dataDirError(error, file)
  }
  try {
    const stats = fs.fstatSync(descriptor)
    if (!stats.isFile() || !(isPrivate(stats) || isLikeOurs(file, stats)))
      throw new SecretError(
        `${file} may be known to others: it must belong to this user, with mode 0600. ` +
          'Delete it for a new one, or, if you made it, mend its owner and mode',
      )
    return fs.readFileSync(descriptor, 'utf8')
  } finally {
    fs.closeSync(descriptor)
  }
}

/** The generated secret. It is kept in `dataDir`, so that tokens survive a restart. */
const keptSecret = (dataDir: string): { secret: string; file: string } => {
  makeDataDir(dataDir)
  const file = join(dataDir, 'secret')
  try {
    if (!fs.existsSync(file)) createSecret(file)
  } catch (error) {
    throw dataDirError(error, file)
  }
  const secret = readSecret(file)
  // A short secret can be guessed.
  if (secret.length < MIN_LENGTH) throw new SecretError(`${file} holds no secret: delete it for a new one`)
  return { secret, file }
}

/**
 * The secret for HS256, if there is one, and a description of its origin.
 *
 * @throws {StartError} when a generated one cannot be stored, or others may know the stored one
 */
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
