import { chooseSecret, SecretError } from './auth/secret.ts'
import { createTokenSigner } from './auth/sign.ts'
import { ConfigError, loadConfig } from './config.ts'

/** `bun run token <user-id>`: prints a token for trying the service out. */

const refuse = (message: string): never => {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const orRefuse = <T>(read: () => T): T => {
  try {
    return read()
  } catch (error) {
    if (error instanceof ConfigError || error instanceof SecretError) return refuse(error.message)
    throw error
  }
}

const [userId] = process.argv.slice(2)
if (!userId) refuse('usage: bun run token <user-id>')
const config = orRefuse(loadConfig)
if (config.environment === 'production') refuse('Tokens for trials are not made in production')
const { secret } = orRefuse(() => chooseSecret(config))
if (secret === undefined)
  refuse('Set BETTER_AUTH_SECRET: with JWKS_URL alone only the issuer can sign tokens')

const sign = createTokenSigner({
  secret: secret as string,
  ttlSeconds: config.tokenTtlSeconds,
  issuer: config.jwtIssuer,
  audience: config.jwtAudience,
  now: Date.now,
})
process.stdout.write(`${await sign({ sub: userId as string })}\n`)
