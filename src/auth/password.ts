import { type AppError, unavailable } from '../errors.ts'
import { createFairQueue, type Owned } from '../fair-queue.ts'
import commonPasswords from './common-passwords.txt' with { type: 'text' }

// The 1,000 most common passwords of at least 8 characters, from @zxcvbn-ts/language-common 4.1.3 (MIT).
const COMMON = new Set(commonPasswords.trim().split('\n'))

const COST = 12

/** Used for unknown emails, so that a login takes the same time as for a known email. */
const DUMMY_HASH = '$2b$12$pI4CQXOLDIxUVYG.zLW7f.hoGcHBzdmeuahc3Lkozu6zySOPuG9/i'

/** bcrypt reads this many bytes of a password and ignores the rest. */
const BCRYPT_BYTES = 72

const MIN_LENGTH = 8
const MAX_LENGTH = 128

/**
 * Why a password is too weak, in words that continue "password". `undefined` if it is not.
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

/** The form that is hashed. Keyboards may send the same text as different code points. */
export const normalizePassword = (password: string): string => password.normalize('NFC')

/**
 * The input of bcrypt for a password, all of which counts: one of 72 bytes or more is hashed by SHA-512 first. Bun does
 * the same for more than 72 bytes. One of exactly 72 bytes must not be taken for the beginning of a longer one.
 */
const wholeOf = (password: string): string | Uint8Array => {
  if (Buffer.byteLength(password) < BCRYPT_BYTES) return password
  return new Bun.CryptoHasher('sha512').update(password).digest()
}

/** All inputs that a stored hash may be of. Programs that hashes are imported from cut a password after 72 bytes. */
const formsOf = (password: string): (string | Uint8Array)[] => {
  const whole = wholeOf(password)
  return whole === password ? [whole] : [whole, Buffer.from(password).subarray(0, BCRYPT_BYTES)]
}

const costOf = (hash: string): number => Number(/^\$2[aby]\$(\d\d)\$/.exec(hash)?.[1])

export interface PasswordHasherOptions {
  /** How many hashes are computed at a time. Each takes a core for a quarter of a second. */
  concurrency: number
  /** How many may wait, in total and for one address. */
  maxWaiting: number
  maxWaitingOfOne: number
  /** How long one may wait. On a slow machine, a full queue would take longer than clients wait. */
  maxWaitMs: number
}

/**
 * Hashes and verifies passwords (bcrypt, cost 12), a bounded number at a time. Addresses take turns, so that one with
 * many attempts delays others by one hash at a time.
 */
export interface PasswordHasher {
  /** @throws {AppError} `unavailable` when too many are waiting, or this one has waited too long */
  hash(password: string, address: string): Promise<string>
  /**
   * Compares a password with a stored hash. Without a hash it resolves to false, after the same time.
   *
   * @throws {AppError} `unavailable` when too many are waiting, or this one has waited too long
   */
  verify(password: string, hash: string | undefined, address: string): Promise<boolean>
  /** True for a hash of a lower cost than new ones have. */
  isOutdated(hash: string): boolean
}

interface Turn extends Owned {
  cameAt: number
  begin(): void
  reject(error: AppError): void
}

/** Makes a hasher. */
export const createPasswordHasher = ({
  concurrency,
  maxWaiting,
  maxWaitingOfOne,
  maxWaitMs,
}: PasswordHasherOptions): PasswordHasher => {
  const waiting = createFairQueue<Turn>()
  let running = 0

  const turnOf = (owner: string): Promise<void> => {
    if (waiting.size() >= maxWaiting || waiting.countOf(owner) >= maxWaitingOfOne)
      throw unavailable('too many passwords are waiting to be hashed')
    return new Promise((begin, reject) => waiting.add({ owner, cameAt: performance.now(), begin, reject }))
  }

  const beginNext = () => {
    const now = performance.now()
    for (const late of waiting.drain(({ cameAt }) => now - cameAt > maxWaitMs))
      late.reject(unavailable('a password waited too long to be hashed'))
    while (running < concurrency) {
      const next = waiting.take()
      if (!next) return
      running += 1
      next.begin()
    }
  }

  const inTurn = async <T>(address: string, work: () => Promise<T>): Promise<T> => {
    const turn = turnOf(address)
    beginNext()
    await turn
    try {
      return await work()
    } finally {
      running -= 1
      beginNext()
    }
  }

  return {
    hash: (password, address) =>
      inTurn(address, () => Bun.password.hash(wholeOf(password), { algorithm: 'bcrypt', cost: COST })),
    async verify(password, hash, address) {
      let isRight = false
      // No early end: the time must not tell which one was right.
      for (const form of formsOf(password))
        if (await inTurn(address, () => Bun.password.verify(form, hash ?? DUMMY_HASH, 'bcrypt')))
          isRight = true
      return isRight && hash !== undefined
    },
    isOutdated: (hash) => costOf(hash) < COST,
  }
}
