import pLimit from 'p-limit'
import { unavailable } from '../errors.ts'
import commonPasswords from './common-passwords.txt' with { type: 'text' }

// The 1,000 most common passwords of at least 8 characters, from @zxcvbn-ts/language-common 4.1.3 (MIT).
const COMMON = new Set(commonPasswords.trim().split('\n'))

const COST = 12

/** What an unknown email's password is compared with, so that it takes as long as any other. */
const DUMMY_HASH = '$2b$12$pI4CQXOLDIxUVYG.zLW7f.hoGcHBzdmeuahc3Lkozu6zySOPuG9/i'

const MIN_LENGTH = 8
const MAX_LENGTH = 128

/**
 * Why a password must not be chosen, in words that continue "password …"; `undefined` for a good one.
 *
 * @param password in its NFC form
 */
export const weaknessOf = (password: string, email: string): string | undefined => {
  const length = [...password].length
  const lower = password.toLowerCase()
  const owner = email.toLowerCase()
  if (length < MIN_LENGTH || length > MAX_LENGTH) return `must have ${MIN_LENGTH} to ${MAX_LENGTH} characters`
  if (password.trim() === '') return 'must not be only white space'
  if (lower === owner || lower === owner.slice(0, owner.lastIndexOf('@'))) return 'must not be the email'
  if (COMMON.has(lower)) return 'is one of the most common passwords'
  return undefined
}

/** The one form of a password that is hashed: the same text can be typed as different code points. */
export const normalizePassword = (password: string): string => password.normalize('NFC')

const costOf = (hash: string): number => Number(/^\$2[aby]\$(\d\d)\$/.exec(hash)?.[1])

export interface PasswordHasherOptions {
  /** How many hashes are computed at once; each keeps a core busy for a quarter of a second. */
  concurrency: number
  /** How many may wait for their turn. */
  maxWaiting: number
  /** How long one may wait; on a slow machine the queue alone would keep clients longer than their connection. */
  maxWaitMs: number
}

/** Hashes and verifies passwords (bcrypt, cost 12), a bounded number at a time. */
export interface PasswordHasher {
  /** @throws {AppError} `unavailable` when too many are waiting */
  hash(password: string): Promise<string>
  /**
   * Compares with a stored hash, or with nothing (`undefined`), which takes as long and is never right.
   *
   * @throws {AppError} `unavailable` when too many are waiting, or this one has waited too long
   */
  verify(password: string, hash: string | undefined): Promise<boolean>
  /** True for a hash that was made cheaper than new ones are. */
  isOutdated(hash: string): boolean
}

/** Bun hashes what is beyond bcrypt's 72 bytes first, so that it counts. */
export const createPasswordHasher = ({
  concurrency,
  maxWaiting,
  maxWaitMs,
}: PasswordHasherOptions): PasswordHasher => {
  const limit = pLimit(concurrency)
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= maxWaiting) throw unavailable('too many passwords are waiting to be hashed')
    const cameAt = performance.now()
    return limit(() => {
      if (performance.now() - cameAt > maxWaitMs) throw unavailable('a password waited too long to be hashed')
      return work()
    })
  }
  return {
    hash: async (password) => inTurn(() => Bun.password.hash(password, { algorithm: 'bcrypt', cost: COST })),
    async verify(password, hash) {
      const isRight = await inTurn(() => Bun.password.verify(password, hash ?? DUMMY_HASH, 'bcrypt'))
      return isRight && hash !== undefined
    },
    isOutdated: (hash) => costOf(hash) < COST,
  }
}
