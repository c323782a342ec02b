import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWSHeaderParameters,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
} from 'jose'
import { AppError } from '../errors.ts'
import type { KeySet } from './key-set.ts'

/** What asymmetric keys may sign with. */
const ASYMMETRIC = ['EdDSA', 'ES256', 'ES512', 'RS256', 'PS256']

const CLOCK_TOLERANCE_SECONDS = 5

/** How many verified tokens are remembered: about 5 MB. */
const CACHE_SIZE = 10_000

export interface TokenVerifierOptions {
  /** The HS256 secret. */
  secret: string | undefined
  keySet: KeySet | undefined
  /** When set, the `iss` and `aud` that a token must have. */
  issuer: string | undefined
  audience: string | undefined
  /** Milliseconds since 1970. */
  now: () => number
}

/**
 * Verifies a token and gives the id of its user.
 *
 * @throws {AppError} `invalid_token`, `token_expired`, or `unavailable` when it needs a key of an issuer that
 *   cannot be reached
 */
export type TokenVerifier = (token: string) => string | Promise<string>

interface Verified {
  userId: string
  /** The first second in which the token is not valid any more. */
  expiresAt: number
  /** The key set's generation that vouched for it; `undefined` for the secret, which does not change. */
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

/** Control characters: U+0000–001F and 007F–009F. */
const CONTROL = /\p{Cc}/u

/**
 * The user a token speaks for: its `sub`, or its `user_id` when there is no `sub`. No other claim will do:
 * Better Auth signs cookies and e-mail links with the same secret.
 */
const userIdOf = ({ sub, user_id }: JWTPayload & { user_id?: unknown }): string => {
  const id: unknown = sub === undefined ? user_id : sub
  if (typeof id !== 'string') throw refuse('invalid_token', 'no user id')
  // An unpaired surrogate would be stored as U+FFFD, and so be the same user as another.
  if (id === '' || [...id].length > 255 || CONTROL.test(id) || !id.isWellFormed())
    throw refuse('invalid_token', 'unusable user id')
  return id
}

const importSecret = (secret: string): Promise<CryptoKey> =>
  crypto.subtle.importKey('raw', new TextEncoder().encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'verify',
  ])

/**
 * Makes the verifier. Which key may verify is decided by the configuration: HS256 only by the secret, the
 * asymmetric algorithms only by the key set.
 *
 * A token that was verified is remembered, so that a client's second request costs a look into a map. It is
 * forgotten when it expires and when the keys change.
 */
export const createTokenVerifier = ({
  secret,
  keySet,
  issuer,
  audience,
  now,
}: TokenVerifierOptions): TokenVerifier => {
  const secretKey = secret === undefined ? undefined : importSecret(secret)
  const verified = new Map<string, Verified>()
  const seconds = () => Math.floor(now() / 1000)

  const isGood = ({ expiresAt, generation }: Verified): boolean =>
    seconds() < expiresAt &&
    (generation === undefined || (keySet?.isFresh() === true && generation === keySet.generation()))

  /** What would be wrong with a token whatever its signature is. */
  const isBeyondSaving = ({ exp }: JWTPayload): boolean =>
    typeof exp !== 'number' || seconds() - CLOCK_TOLERANCE_SECONDS >= exp

  /** The key for a token, and the generation of the key set that vouches for it, if one does. */
  const keyFor = async (header: ProtectedHeaderParameters, payload: JWTPayload) => {
    if (header.alg === 'HS256' && secretKey) return { key: await secretKey, generation: undefined }
    if (!keySet || !ASYMMETRIC.includes(header.alg ?? ''))
      throw refuse('invalid_token', 'algorithm not allowed')
    try {
      return { key: await keySet.find(header as JWSHeaderParameters), generation: keySet.generation() }
    } catch (error) {
      if (error instanceof AppError && isBeyondSaving(payload))
        throw refuse('invalid_token', 'not valid whatever the key')
      throw error
    }
  }

  const remember = (token: string, entry: Verified) => {
    const [oldest] = verified.keys()
    if (verified.size >= CACHE_SIZE && oldest !== undefined) verified.delete(oldest)
    verified.set(token, entry)
  }

  const check = async (token: string): Promise<string> => {
    const header = decodeProtectedHeader(token)
    const { key, generation } = await keyFor(header, decodeJwt(token))
    const { payload } = await jwtVerify(token, key, {
      algorithms: [header.alg ?? ''],
      requiredClaims: ['exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(now()),
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    })
    const { exp = 0, iat = 0 } = payload
    if (iat > seconds() + CLOCK_TOLERANCE_SECONDS) throw refuse('invalid_token', 'issued in the future')
    const userId = userIdOf(payload)
    remember(token, { userId, expiresAt: exp + CLOCK_TOLERANCE_SECONDS, generation })
    return userId
  }

  return (token) => {
    const known = verified.get(token)
    if (known) {
      if (isGood(known)) return known.userId
      verified.delete(token)
    }
    return check(token).catch((error) => {
      if (error instanceof AppError) throw error
      if (error instanceof errors.JWTExpired) throw refuse('token_expired', 'expired', error)
      throw refuse('invalid_token', error instanceof errors.JOSEError ? error.code : String(error), error)
    })
  }
}
