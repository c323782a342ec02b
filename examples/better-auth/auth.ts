import { Database } from 'bun:sqlite'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { type JwtOptions, jwt } from 'better-auth/plugins'
import { SignJWT } from 'jose'

const { PORT = '3000', DATABASE_FILE = ':memory:', TOKEN_LIFETIME = '15m', TOKEN_ALGORITHM } = process.env
const secret = process.env.BETTER_AUTH_SECRET ?? crypto.randomUUID() + crypto.randomUUID()

/** Where the page and Better Auth live; also the `iss` and `aud` of every token. */
export const origin = `http://localhost:${PORT}`

/**
 * Tokens signed with the secret that this server shares with the task API, for a service that cannot
 * be reached to fetch keys. The same secret signs Better Auth's cookies, so whoever has it can be
 * anybody: prefer the key set. Better Auth wants `remoteUrl` with a signer of one's own, and no more
 * than its presence: nothing is fetched from there, and the server's own key set is switched off.
 */
const sharedSecret: JwtOptions = {
  jwks: { remoteUrl: origin, keyPairConfig: { alg: 'EdDSA' } },
  jwt: {
    expirationTime: TOKEN_LIFETIME,
    sign: (claims) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret)),
  },
}

if (TOKEN_ALGORITHM === 'HS256' && !process.env.BETTER_AUTH_SECRET) {
  throw new Error('TOKEN_ALGORITHM=HS256 needs BETTER_AUTH_SECRET, the same as the task API has')
}

const options = {
  baseURL: origin,
  secret,
  database: new Database(DATABASE_FILE),
  emailAndPassword: { enabled: true },
  // By default the plugin makes an Ed25519 key pair and publishes it at /api/auth/jwks.
  plugins: [jwt(TOKEN_ALGORITHM === 'HS256' ? sharedSecret : { jwt: { expirationTime: TOKEN_LIFETIME } })],
}

await (await getMigrations(options)).runMigrations()

/** Better Auth with accounts by e-mail and password, and tokens for the task API. */
export const auth = betterAuth(options)
