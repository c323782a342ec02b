import { chooseSecret, SecretError } from '../auth/secret.ts'
import { createTokenSigner } from '../auth/sign.ts'
import type { Config } from '../config.ts'

/**
 * `token <user-id>`: a token for trying the service out.
 *
 * @throws {SecretError} in production, and where only the issuer can sign
 */
export const tokenFor = async (userId: string, config: Config): Promise<string> => {
  if (config.environment === 'production')
    throw new SecretError('Tokens for trials are not made in production')
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
