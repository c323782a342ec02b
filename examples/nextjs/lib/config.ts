/** What the server reads from its environment; `README.md` explains each. */
const { env } = process

/** Where this app lives: Better Auth's base URL, and the `iss` and `aud` of its tokens. */
export const appUrl = env.BETTER_AUTH_URL ?? `http://localhost:${env.PORT ?? 3000}`
/** The task API, as a browser reaches it. */
export const apiUrl = env.TASKS_API_URL ?? 'http://localhost:8000'
/** Where the accounts are kept; without it, in memory. */
export const databaseUrl = env.DATABASE_URL
export const tokenLifetime = env.TOKEN_LIFETIME ?? '15m'
/** Whether tokens are signed with the secret that is shared with the API, in place of a key of this app's own. */
export const sharesSecret = env.TOKEN_ALGORITHM === 'HS256'

const { BETTER_AUTH_SECRET } = env
if (!BETTER_AUTH_SECRET && sharesSecret)
  throw new Error('TOKEN_ALGORITHM=HS256 needs BETTER_AUTH_SECRET, the same that the task API has')
if (!BETTER_AUTH_SECRET && databaseUrl)
  throw new Error(
    'DATABASE_URL needs BETTER_AUTH_SECRET: sessions and keys in a database outlive this process',
  )

export const secret = BETTER_AUTH_SECRET ?? crypto.randomUUID() + crypto.randomUUID()
