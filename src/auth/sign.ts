import { jwt } from '@elysiajs/jwt'

export interface TokenSignerOptions {
  /** The HS256 secret. */
  secret: string
  ttlSeconds: number
  issuer: string | undefined
  audience: string | undefined
  /** Milliseconds since 1970. */
  now: () => number
}

/**
 * The claims of a token besides its times, issuer and audience. There is no `email`, because Better Auth accepts any HS256
 * token of the shared secret with an `email` as a proof of that address.
 */
export interface TokenSubject {
  sub: string
}

/** Signs a token for a user. */
export type TokenSigner = (subject: TokenSubject) => Promise<string>

/** Makes the signer of this service's own tokens (HS256, with `iat`, `exp`, and `iss`, `aud` when given). */
export const createTokenSigner = ({
  secret,
  ttlSeconds,
  issuer,
  audience,
  now,
}: TokenSignerOptions): TokenSigner => {
  const { signer } = jwt({
    name: 'signer',
    secret,
    ...(issuer !== undefined && { iss: issuer }),
    ...(audience !== undefined && { aud: audience }),
  }).decorator
  return ({ sub }) => signer.sign({ sub, exp: Math.floor(now() / 1000) + ttlSeconds })
}
