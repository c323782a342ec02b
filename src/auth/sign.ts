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

/** Who a token speaks for. */
export interface TokenSubject {
  sub: string
  email?: string | undefined
}

/** Signs a token; the guard accepts it like any other. */
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
  return (subject) => signer.sign({ ...subject, exp: Math.floor(now() / 1000) + ttlSeconds })
}
