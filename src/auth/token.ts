import { createHmac, timingSafeEqual } from 'node:crypto'
import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
  UnsecuredJWT,
} from 'jose'
import { AppError } from '../errors.ts'
import { ASYMMETRIC } from './jwks.ts'
import type { KeySet } from './key-set.ts'

const CLOCK_TOLERANCE_SECONDS = 5

/** The most cached tokens; about 5 MB. */
const CACHE_SIZE = 10_000

/** Longer ones are verified each time: who chooses claims, such as a name, could fill the memory with them. */
const MAX_REMEMBERED_LENGTH = 2048

export interface TokenVerifierOptions {
  /** The HS256 secret. */
  secret: string | undefined
  keySet: KeySet | undefined
  /** The `iss` and `aud` that a token must have, if set. */
  issuer: string | undefined
  audience: string | undefined
  /** Milliseconds since 1970. */
  now: () => number
}

/** How many tokens had which result since the start. `remembered` ones were found in the cache. */
export type TokenCounts = Record<'remembered' | 'verified' | 'expired' | 'invalid' | 'unavailable', number>

/**
 * Verifies a token and returns the id of its user.
 *
 * @throws {AppError} `invalid_token`, `token_expired`, or `unavailable` when it needs a key and the issuer cannot be
 *   reached
 */
export type VerifyToken = (token: string) => string | Promise<string>

export interface TokenVerifier {
  verify: VerifyToken
  counts: TokenCounts
}

interface Verified {
  userId: string
  /** The first second at which the token is expired. */
  expiresAt: number
  /** The generation of the key set that verified it. `undefined` for the secret, which does not change. */
  generation: number | undefined
}

const refuse = (code: 'invalid_token' | 'token_expired', reason: string, cause?: unknown): AppError => {
  const description = code === 'token_expired' ? 'The token expired' : 'The token is not valid'
  return new AppError(code, {
    reason,
    cause,
    headers: { 'www-authenticate': `Bearer error="invalid_token", error_description="${description}"` },
  })
}

/** The reasons for claims with a wrong value. They name the setting to compare with. */
const MISMATCHES: Record<string, string> = {
  iss: 'iss is not JWT_ISSUER',
  aud: 'aud is not JWT_AUDIENCE',
  nbf: 'nbf is in the future',
}

const claimReason = ({ claim, reason }: errors.JWTClaimValidationFailed): string => {
  if (reason === 'missing') return `${claim} is missing`
  return (reason === 'check_failed' && MISMATCHES[claim]) || `${claim} is not valid`
}

const toRefusal = (error: unknown): AppError => {
  if (error instanceof AppError) return error
  if (error instanceof errors.JWTExpired) return refuse('token_expired', 'exp is past', error)
  if (error instanceof errors.JWTClaimValidationFailed)
    return refuse('invalid_token', claimReason(error), error)
  return refuse('invalid_token', error instanceof errors.JOSEError ? error.code : String(error), error)
}

/** Base64url without padding. The unused bits of the last character must be zero. */
const PART = '(?=[^.])(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?'

/**
 * The compact serialization of RFC 7515: three parts in base64url. jose also accepts padding, white space and non-zero
 * unused bits, so that one token could be written in several ways.
 */
const COMPACT = new RegExp(`^${PART}\\.${PART}\\.${PART}$`)

/** Names the most common cause, which is hard to find: Bun expands `$name` in `.env`. */
const WRONG_SECRET =
  'wrong signature: BETTER_AUTH_SECRET is not the signer’s (in .env, a $ in it must be written as \\$)'

/** The header `{"alg":"none"}`. */
const UNSECURED = 'eyJhbGciOiJub25lIn0'

/** Control characters: U+0000–001F and 007F–009F. */
const CONTROL = /\p{Cc}/u

/** Whether a text is a valid user id: 1 to 255 characters, none of them a control character. */
export const isUserId = (id: string): boolean =>
  // Unpaired surrogates are stored as U+FFFD, so that two ids could become the same user.
  id !== '' && [...id].length <= 255 && !CONTROL.test(id) && id.isWellFormed()

/**
 * The user of a token: `sub`, or `user_id` if there is no `sub`. No other claim is accepted, because Better Auth signs
 * cookies and e-mail links with the same secret.
 */
const userIdOf = ({ sub, user_id }: JWTPayload & { user_id?: unknown }): string => {
  const [claim, id]: [string, unknown] = sub === undefined ? ['user_id', user_id] : ['sub', sub]
  if (id === undefined) throw refuse('invalid_token', 'sub is missing, and user_id')
  if (typeof id !== 'string') throw refuse('invalid_token', `${claim} is not a string`)
  if (!isUserId(id)) throw refuse('invalid_token', `${claim} is empty, too long, or has control characters`)
  return id
}

/**
 * Whether the secret signed a token with HS256 (RFC 7518, section 3.2). This is synchronous and takes 2 µs; jose uses
 * WebCrypto, which takes at least 14 µs. `Bun.CryptoHasher` cannot be used: in Bun 1.4.5 its HMAC throws an error that an
 * earlier failure left in OpenSSL's error queue, such as an invalid key of a key set.
 */
const isSignedWith = (secret: string, token: string): boolean => {
  const end = token.lastIndexOf('.')
  const expected = createHmac('sha256', secret).update(token.slice(0, end)).digest()
  const given = Buffer.from(token.slice(end + 1), 'base64url')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/**
 * Makes the verifier. The configuration decides which key may verify: HS256 only the secret, the asymmetric algorithms only
 * the key set.
 *
 * Verified tokens are cached until they expire or the keys change.
 */
export const createTokenVerifier = ({
  secret,
  keySet,
  issuer,
  audience,
  now,
}: TokenVerifierOptions): TokenVerifier => {
  const verified = new Map<string, Verified>()
  /** A ring buffer of these tokens in the order they came, because finding the oldest key of a large map is slow. */
  const order: string[] = []
  let next = 0
  const seconds = () => Math.floor(now() / 1000)

  const isGood = ({ expiresAt, generation }: Verified): boolean =>
    seconds() < expiresAt &&
    (generation === undefined || (keySet?.isFresh() === true && generation === keySet.generation()))

  const expectations = () => ({
    requiredClaims: ['exp'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: new Date(now()),
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  })

  /** The user of a token whose other claims are verified. Checks `iat`, which jose does not. */
  const userOf = (payload: JWTPayload): string => {
    if ((payload.iat ?? 0) > seconds() + CLOCK_TOLERANCE_SECONDS)
      throw refuse('invalid_token', 'iat is in the future')
    return userIdOf(payload)
  }

  /** The claims of a token. Verifies them, but not the signature. */
  const claimsOf = (token: string): JWTPayload =>
    UnsecuredJWT.decode(`${UNSECURED}.${token.split('.')[1]}.`, expectations()).payload

  /** Verifies a token with the issuer's keys. Returns its claims and the generation of the key set. */
  const verifyWithKeySet = async (keys: KeySet, alg: string, kid: unknown, token: string) => {
    if (kid !== undefined && typeof kid !== 'string') throw refuse('invalid_token', 'kid is not a string')
    const found = await keys.find({ alg, kid })
    if (found.keys.length === 0) throw refuse('invalid_token', 'no key of the key set fits')
    if (kid === undefined && new Set(found.keys.map(({ material }) => material)).size > 1)
      throw refuse('invalid_token', 'several keys fit, and there is no kid')
    for (const { key } of found.keys) {
      try {
        const { payload } = await jwtVerify(token, key, { algorithms: [alg], ...expectations() })
        return { payload, generation: found.generation }
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
      }
    }
    throw refuse('invalid_token', 'wrong signature')
  }

  const remember = (token: string, entry: Verified) => {
    if (token.length > MAX_REMEMBERED_LENGTH) return
    const oldest = order[next]
    if (oldest !== undefined) verified.delete(oldest)
    order[next] = token
    next = (next + 1) % CACHE_SIZE
    verified.set(token, entry)
  }

  const counts: TokenCounts = { remembered: 0, verified: 0, expired: 0, invalid: 0, unavailable: 0 }

  /** The user of a token with a valid signature, which is cached. */
  const accept = (token: string, payload: JWTPayload, generation?: number): string => {
    const userId = userOf(payload)
    counts.verified += 1
    remember(token, { userId, expiresAt: (payload.exp ?? 0) + CLOCK_TOLERANCE_SECONDS, generation })
    return userId
  }

  const checkWithKeySet = async (header: ProtectedHeaderParameters, token: string): Promise<string> => {
    const { alg = '', kid } = header
    if (!keySet || !ASYMMETRIC.includes(alg)) throw refuse('invalid_token', 'algorithm not allowed')
    try {
      const { payload, generation } = await verifyWithKeySet(keySet, alg, kid, token)
      return accept(token, payload, generation)
    } catch (error) {
      // If the keys are missing, invalid claims are still 401, not 503.
      if (error instanceof AppError) userOf(claimsOf(token))
      throw error
    }
  }

  /** Synchronous with the secret: promises would cost a third of the check. */
  const check = (token: string): string | Promise<string> => {
    if (!COMPACT.test(token)) throw refuse('invalid_token', 'malformed')
    const header = decodeProtectedHeader(token)
    if (header.crit !== undefined) throw refuse('invalid_token', 'unknown extension')
    if (header.alg !== 'HS256' || secret === undefined) return checkWithKeySet(header, token)
    if (!isSignedWith(secret, token)) throw refuse('invalid_token', WRONG_SECRET)
    return accept(token, claimsOf(token))
  }

  const fail = (error: unknown): never => {
    const refusal = toRefusal(error)
    if (refusal.code === 'unavailable') counts.unavailable += 1
    else counts[refusal.code === 'token_expired' ? 'expired' : 'invalid'] += 1
    throw refusal
  }

  const checkAndCount = (token: string): string | Promise<string> => {
    try {
      const result = check(token)
      return typeof result === 'string' ? result : result.catch(fail)
    } catch (error) {
      return fail(error)
    }
  }

  return {
    counts,
    verify(token) {
      const known = verified.get(token)
      if (!known) return checkAndCount(token)
      if (isGood(known)) {
        counts.remembered += 1
        return known.userId
      }
      verified.delete(token)
      return checkAndCount(token)
    },
  }
}
