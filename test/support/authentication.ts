import { buildApp } from '../../src/app.ts'
import { createKeySet, type KeySet, type KeySetOptions } from '../../src/auth/key-set.ts'
import { createTokenVerifier } from '../../src/auth/token.ts'
import { loadConfig } from '../../src/config.ts'
import { createLog, type Log } from '../../src/log.ts'
import { SECRET } from './api.ts'
import { type Clock, stoppedClock } from './clock.ts'
import { engines } from './engines.ts'
import { signToken } from './token.ts'

/** What became of a request, seen from outside. */
export interface Decision {
  status: number
  /** Whose request it was, when it was let past. */
  user: string | undefined
  code: string | undefined
  detail: string | undefined
  /** `WWW-Authenticate` */
  challenge: string | null
  retryAfter: string | null
  /** Why it was refused, as the log says. */
  reason: string | undefined
}

export interface AuthenticationOptions {
  /** The HS256 secret; `null` for none. */
  secret?: string | null
  /** The address of a key set, and how it is fetched. */
  jwksUrl?: URL
  fetch?: KeySetOptions['fetch']
  issuer?: string
  audience?: string
  clock?: Clock
  /** The clock by which keys grow old, where it is another. */
  keyClock?: Clock
}

export interface Authentication {
  clock: Clock
  /** Sends this `Authorization` header, or none; by default to a path that is 404 for whoever is let past. */
  ask(authorization?: string, method?: string, path?: string, body?: string): Promise<Decision>
  /** Sends a bearer token. */
  present(token: string): Promise<Decision>
  /** Claims of a user that are good for an hour. */
  claims(more?: Record<string, unknown>): Record<string, unknown>
  /** An HS256 token of a user with these claims. */
  token(more?: Record<string, unknown>): string
  /** All that was logged so far. */
  logText(): string
  /** How many statements were sent to the database. */
  statements(): number
}

/** Let past, as this user. There is nothing at the path, so the answer is 404. */
export const letPast = (user: string) => ({ status: 404, code: 'not_found', user })

export const INVALID_CHALLENGE = 'Bearer error="invalid_token", error_description="The token is not valid"'

/** Nothing is there. */
const NOWHERE = '/api/nothing-is-here'

/** Refused as a token that is not valid. */
export const REFUSED = {
  status: 401,
  code: 'invalid_token',
  detail: 'Invalid token',
  challenge: INVALID_CHALLENGE,
  user: undefined,
}

export const EXPIRED = {
  status: 401,
  code: 'token_expired',
  detail: 'Token expired',
  challenge: 'Bearer error="invalid_token", error_description="The token expired"',
  user: undefined,
}

/** The whole app with an authentication of one's own and a clock that stands still. */
export const authentication = (options: AuthenticationOptions = {}): Authentication => {
  const { secret = SECRET, jwksUrl, issuer, audience, clock = stoppedClock() } = options
  let written = ''
  const log: Log = createLog({ level: 'debug', format: 'json', write: (chunk) => (written += chunk) })
  const fetchKeys = options.fetch ?? ((url: URL, init: RequestInit) => fetch(url, init))
  const keySet: KeySet | undefined =
    jwksUrl && createKeySet({ url: jwksUrl, log, now: (options.keyClock ?? clock).now, fetch: fetchKeys })
  const [engine] = engines()
  if (!engine) throw new Error('no database was started')
  let statements = 0
  const app = buildApp({
    config: loadConfig({ ENVIRONMENT: 'test' }),
    database: {
      ...engine.database,
      run(statement) {
        statements += 1
        return engine.database.run(statement)
      },
    },
    verifyToken: createTokenVerifier({
      secret: secret ?? undefined,
      keySet,
      issuer,
      audience,
      now: clock.now,
    }).verify,
    accounts: undefined,
    isReady: async () => true,
    log,
  })

  const claims = (more: Record<string, unknown> = {}) => ({
    sub: 'alice',
    exp: clock.seconds() + 3600,
    ...more,
  })
  const ask: Authentication['ask'] = async (authorization, method = 'GET', path = NOWHERE, body) => {
    const requestId = crypto.randomUUID()
    const response = await app.handle(
      new Request(`http://localhost${path}`, {
        method,
        ...(body !== undefined && { body }),
        headers: { 'x-request-id': requestId, ...(authorization !== undefined && { authorization }) },
      }),
    )
    const problem = (await response.json()) as { code?: string; detail?: string }
    log.flush()
    const line = written.split('\n').find((candidate) => candidate.includes(requestId)) ?? '{}'
    const { user_id, reason } = JSON.parse(line)
    return {
      status: response.status,
      user: user_id,
      code: problem.code,
      detail: problem.detail,
      challenge: response.headers.get('www-authenticate'),
      retryAfter: response.headers.get('retry-after'),
      reason,
    }
  }

  return {
    clock,
    ask,
    present: (token) => ask(`Bearer ${token}`),
    claims,
    token: (more) => signToken(claims(more), SECRET),
    logText() {
      log.flush()
      return written
    },
    statements: () => statements,
  }
}
