import { setDefaultTimeout } from 'bun:test'
import type { Config } from '../../src/config.ts'
import { type Answer, type Api, apiOn, describeApi, type RequestOptions } from './api.ts'
import type { Engine } from './engines.ts'

/** A password that nobody is refused, and one that is not it. */
export const PASSWORD = 'correct horse battery staple'
export const WRONG_PASSWORD = 'wrong horse battery staple'

/** An email that no other test has. */
export const newEmail = (): string => `user-${crypto.randomUUID()}@example.com`

let addresses = Math.floor(Math.random() * 2 ** 22)

/** An IPv4 address that no other test has: limits are counted for it alone. */
export const newAddress = (): string => {
  addresses += 1
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`
}

export interface AccountRequestOptions {
  /** The client's address, as a trusted proxy tells it; one of its own when absent. */
  from?: string
  headers?: Record<string, string>
}

type AccountRequest = (body: unknown, options?: AccountRequestOptions) => Promise<Answer>

export interface AccountApi extends Api {
  signUp: AccountRequest
  logIn: AccountRequest
}

const accountApi = (api: Api): AccountApi => {
  const post =
    (path: string): AccountRequest =>
    (body, { from = newAddress(), headers } = {}) => {
      const options: RequestOptions = { body, headers: { 'x-forwarded-for': from, ...headers } }
      return api.send('POST', path, options)
    }
  return { ...api, signUp: post('/api/auth/signup'), logIn: post('/api/auth/login') }
}

/** The app behind a proxy that it trusts, so that each request can have an address of its own. */
export const accountsOn = (engine: Engine, overrides: Partial<Config> = {}): AccountApi =>
  accountApi(apiOn(engine, { trustProxy: 1, ...overrides }))

/**
 * Gives the tests of this file more time than the default of 5 s, which would measure the machine: a hash of
 * cost 12 takes a second where other programs run.
 */
export const allowSlowHashes = (): void => setDefaultTimeout(60_000)

/** Describes behaviour of signup and login that must be the same on every database there is. */
export const describeAccounts = (
  title: string,
  define: (api: AccountApi) => void,
  overrides: Partial<Config> = {},
): void => {
  allowSlowHashes()
  describeApi(title, (api) => define(accountApi(api)), { trustProxy: 1, ...overrides })
}

/** Bcrypt's cheapest: for accounts whose making is not the point. */
const CHEAP_COST = 4

/** Stores an account without signing up. */
export const storeAccount = async (
  { database: { run } }: Engine,
  { email = newEmail(), password = PASSWORD, cost = CHEAP_COST } = {},
): Promise<{ id: string; email: string }> => {
  const id = crypto.randomUUID()
  const hash = await Bun.password.hash(password.normalize('NFC'), { algorithm: 'bcrypt', cost })
  await run((sql) => sql`insert into users (id, email, password_hash) values (${id}, ${email}, ${hash})`)
  return { id, email }
}

/** What is stored of a user. */
export interface StoredUser {
  id: string
  email: string | null
  password_hash: string | null
}

/** The stored users with an email, whatever its case. */
export const storedUsers = ({ database: { run } }: Engine, email: string): Promise<StoredUser[]> =>
  run(
    (sql) =>
      sql<StoredUser[]>`select id, email, password_hash from users where lower(email) = lower(${email})`,
  )

/** The claims of a token, which is not verified. */
export const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
