import { Elysia, NotFoundError, t } from 'elysia'
import { AppError } from '../errors.ts'
import type { JsonBody } from '../http/json-body.ts'
import { clientAddress } from './client-address.ts'
import * as notes from './notes.ts'
import { normalizePassword, type PasswordHasher, weaknessOf } from './password.ts'
import type { RateLimit, RateLimiter } from './rate-limit.ts'
import type { Account, UserRepository } from './repository.ts'
import { Login, Session, Signup, type UserReply } from './schema.ts'
import type { TokenSigner } from './sign.ts'

export interface AccountRoutesOptions {
  users: UserRepository
  passwords: PasswordHasher
  sign: TokenSigner
  limiter: RateLimiter
  body: JsonBody
  tokenTtlSeconds: number
  /** The most requests a minute from one address, for each of the two endpoints. */
  authRateLimit: number
  /** See {@link clientAddress}. */
  trustProxy: number | string
}

const LOGIN_FAILURES = 10
const LOGIN_FAILURES_WINDOW_SECONDS = 15 * 60

/** Trims the email, because phones and autofill append a space. */
const trimEmail = (body: Record<string, unknown>) => {
  if (typeof body.email === 'string') body.email = body.email.trim()
}

/** PostgreSQL cannot store NUL or unpaired surrogates, so no account can have them. */
const refuseBrokenText = (fields: Record<string, string>) => {
  const errors = Object.entries(fields)
    .filter(([, text]) => text.includes('\0') || !text.isWellFormed())
    .map(([field]) => ({ field, message: 'must not contain NUL characters or unpaired surrogates' }))
  if (errors.length > 0) throw new AppError('invalid_request', { errors })
}

/** The key of login failures. It includes the address, so that nobody can lock somebody else out. */
const failureKey = (email: string, address: string): string =>
  new Bun.CryptoHasher('sha256').update(`${email.toLowerCase()}\n${address}`).digest('hex')

/** The same answer for an unknown email and a wrong password. */
const invalidCredentials = () =>
  new AppError('invalid_credentials', {
    reason: 'unknown email or wrong password',
    headers: { 'www-authenticate': 'Bearer' },
  })

/** Signup and login, for teams without Better Auth. */
export const accountRoutes = ({
  users,
  passwords,
  sign,
  limiter,
  body,
  tokenTtlSeconds,
  authRateLimit,
  trustProxy,
}: AccountRoutesOptions) => {
  const perMinute = { points: authRateLimit, windowSeconds: 60 }
  const signups = limiter({ name: 'signup', ...perMinute })
  const logins = limiter({ name: 'login', ...perMinute })
  const failures = limiter({
    name: 'login-failures',
    points: LOGIN_FAILURES,
    windowSeconds: LOGIN_FAILURES_WINDOW_SECONDS,
  })

  const signup = body.required(Signup, trimEmail)
  const login = body.required(Login, trimEmail)

  const count =
    (limit: RateLimit) =>
    ({ address }: { address: string }) =>
      limit.consume(address)

  const session = async (user: UserReply): Promise<Session> => ({
    access_token: await sign({ sub: user.id }),
    token_type: 'Bearer',
    expires_in: tokenTtlSeconds,
    user,
  })

  /** Stores a hash of the current cost. If that fails now, the next login does it. */
  const rehash = async ({ user, passwordHash }: Account, password: string, address: string) => {
    try {
      await users.replaceHash(user.id, passwordHash, await passwords.hash(password, address))
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'unavailable')) throw error
    }
  }

  return new Elysia({ prefix: '/api/auth' })
    .derive(({ request, server }) => ({
      address: clientAddress(request, server?.requestIP(request)?.address ?? 'unknown', trustProxy),
    }))

    .post(
      '/signup',
      async ({ body: { email, password }, address, set }) => {
        refuseBrokenText({ email, password })
        const normal = normalizePassword(password)
        const weakness = weaknessOf(normal, email)
        if (weakness)
          throw new AppError('invalid_request', { errors: [{ field: 'password', message: weakness }] })
        // A UUID, which is never an id that Better Auth makes.
        const user = await users.create(crypto.randomUUID(), email, await passwords.hash(normal, address))
        set.status = 201
        return session(user)
      },
      {
        ...signup,
        transform: [count(signups), signup.transform],
        response: { 201: t.NoValidate(Session) },
        detail: notes.signUp,
      },
    )

    .post(
      '/login',
      async ({ body: { email, password }, address }) => {
        refuseBrokenText({ email, password })
        const account = await users.findByEmail(email)
        const normal = normalizePassword(password)
        // The stored email, because only the database decides which emails are equal.
        const key = failureKey(account?.user.email ?? email, address)
        const isRight = await failures.attempt(key, () =>
          passwords.verify(normal, account?.passwordHash, address),
        )
        if (!account || !isRight) throw invalidCredentials()
        if (passwords.isOutdated(account.passwordHash)) await rehash(account, normal, address)
        return session(account.user)
      },
      {
        ...login,
        transform: [count(logins), login.transform],
        response: t.NoValidate(Session),
        detail: notes.logIn,
      },
    )
}

const notFound = () => {
  throw new NotFoundError()
}

/** Keeps both paths public: 405 for another method, 404 without accounts. */
export const accountPaths = new Elysia({ prefix: '/api/auth' })
  .all('/signup', notFound, { detail: { hide: true } })
  .all('/login', notFound, { detail: { hide: true } })
