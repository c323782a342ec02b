import 'server-only'
import { type BetterAuthOptions, betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { getMigrations } from 'better-auth/db/migration'
import { type JwtOptions, jwt } from 'better-auth/plugins'
import { SignJWT } from 'jose'
import { Pool } from 'pg'
import { appUrl, databaseUrl, secret, sharesSecret, tokenLifetime } from './config'

/** Tokens tell who somebody is (`sub`) and nothing else about them. */
const tokens: JwtOptions['jwt'] = { expirationTime: tokenLifetime, definePayload: () => ({}) }

/**
 * For a task API that cannot reach this app to fetch its keys. Whoever has the secret can sign in as anybody, so
 * prefer the key set. Better Auth wants a `remoteUrl` beside a signer of one's own; nothing is fetched from there.
 */
const sharedSecret: JwtOptions = {
  jwks: { remoteUrl: appUrl, keyPairConfig: { alg: 'EdDSA' } },
  jwt: {
    ...tokens,
    sign: (claims) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret)),
  },
}

const createAuth = () => {
  const options = {
    baseURL: appUrl,
    secret,
    database: databaseUrl
      ? new Pool({ connectionString: databaseUrl })
      : memoryAdapter({ user: [], session: [], account: [], verification: [], jwks: [] }),
    emailAndPassword: { enabled: true },
    // By default the plugin makes an Ed25519 key pair and publishes it at /api/auth/jwks.
    plugins: [jwt(sharesSecret ? sharedSecret : { jwt: tokens })],
  } satisfies BetterAuthOptions
  return { auth: betterAuth(options), options }
}

// Next.js loads this file once for pages and once for routes; accounts in memory must be the same in both.
const kept = globalThis as { made?: ReturnType<typeof createAuth> }
kept.made ??= createAuth()

/** Better Auth with accounts by email and password, and tokens for the task API. */
export const { auth } = kept.made
const { options } = kept.made

/** Makes the accounts' tables (`user`, `session`, `account`, `verification`, `jwks`) where they are missing. */
export const migrate = async () => {
  if (databaseUrl) await (await getMigrations(options)).runMigrations()
}
