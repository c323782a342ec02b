import { chooseSecret, SecretError } from '../auth/secret.ts'
import { createTokenSigner } from '../auth/sign.ts'
import { isUserId } from '../auth/token.ts'
import type { Config } from '../config.ts'

/**
 * `token <user-id>`: a token for trying the service out.
 *
 * @throws {SecretError} in production, where only the issuer can sign, and for an id that no token may have
 */
export const tokenFor = async (userId: string, config: Config): Promise<string> => {
  if (config.environment === 'production')
    throw new SecretError('Tokens for trials are not made in production')
  if (!isUserId(userId))
    throw new SecretError(
      'A user id has 1 to 255 characters, and no control characters: no token may have this one',
    )
  const { secret } = chooseSecret(config)
  if (secret === undefined)
    throw new SecretError('Set BETTER_AUTH_SECRET: with JWKS_URL alone only the issuer can sign tokens')
  const sign = createTokenSigner({
    secret,
    ttlSeconds: config.tokenTtlSeconds,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
    now: Date.now,
  })
  return sign({ sub: userId })
}
