import { describe } from 'bun:test'
import { type App, buildApp, type Dependencies } from '../../src/app.ts'
import { localRateLimiter, sharedRateLimiter } from '../../src/auth/rate-limit.ts'
import { createTokenSigner } from '../../src/auth/sign.ts'
import { createTokenVerifier } from '../../src/auth/token.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import { type Engine, engines } from './engines.ts'
import { answerChecker, type CheckAnswer } from './openapi.ts'
import { signToken } from './token.ts'

export const SECRET = 'a-secret-that-only-the-tests-know-0123456789'

/** A token of a user, good for an hour. */
export const tokenFor = (userId: string, claims: Record<string, unknown> = {}): string =>
  signToken({ sub: userId, exp: Math.floor(Date.now() / 1000) + 3600, ...claims }, SECRET)

/** An id that no other test has. */
export const newUserId = (): string => `user-${crypto.randomUUID()}`

export interface RequestOptions {
  /** Whose token is sent; none when absent. */
  as?: string
  /** A JSON body, or text or bytes that are sent as they are. */
  body?: unknown
  headers?: Record<string, string>
}

/** An answer with its body read, so that a test can look at it more than once. */
export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test asserts the shape that it reads
  json: any
}

export interface Api {
  engine: Engine
  app: App
  /** The lines of the service's log so far. */
  logged(): Record<string, unknown>[]
  /** Sends a request to the app, without a socket between; the answer must be one of the OpenAPI document's. */
  send(method: string, path: string, options?: RequestOptions): Promise<Answer>
}

const readAnswer = async (response: Response): Promise<Answer> => {
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== ''
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  }
}

const encodeBody = (body: unknown): { body?: string | Uint8Array<ArrayBuffer>; type?: string } => {
  if (body === undefined) return {}
  if (typeof body === 'string' || body instanceof Uint8Array)
    return { body: body as string | Uint8Array<ArrayBuffer> }
  return { body: JSON.stringify(body), type: 'application/json' }
}

/** The app on one of the databases, with what a test wants configured, or made, otherwise. */
export const apiOn = (
  engine: Engine,
  overrides: Partial<Config> = {},
  parts: Partial<Pick<Dependencies, 'database' | 'isReady' | 'accounts' | 'metrics'>> = {},
): Api => {
  const lines: Record<string, unknown>[] = []
  const log = createLog({
    level: 'debug',
    format: 'json',
    write: (chunk) =>
      lines.push(
        ...chunk
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ),
  })
  const config = { ...loadConfig({ ENVIRONMENT: 'test' }), ...overrides }
  const claims = { secret: SECRET, issuer: config.jwtIssuer, audience: config.jwtAudience, now: Date.now }
  const app = buildApp({
    config,
    database: engine.database,
    verifyToken: createTokenVerifier({ ...claims, keySet: undefined }).verify,
    accounts: config.signupEnabled
      ? {
          sign: createTokenSigner({ ...claims, ttlSeconds: config.tokenTtlSeconds }),
          limiter: engine.isServer ? sharedRateLimiter(engine.database) : localRateLimiter,
        }
      : undefined,
    isReady: async () => true,
    log,
    ...parts,
  })
  let checker: Promise<CheckAnswer> | undefined
  return {
    engine,
    app,
    logged() {
      log.flush()
      return lines
    },
    async send(method, path, { as, body, headers = {} } = {}) {
      const encoded = encodeBody(body)
      const request = new Request(`http://localhost${path}`, {
        method,
        headers: {
          ...(as !== undefined && { authorization: `Bearer ${tokenFor(as)}` }),
          ...(encoded.type && { 'content-type': encoded.type }),
          ...headers,
        },
        ...(encoded.body !== undefined && { body: encoded.body }),
      })
      const answer = await readAnswer(await app.handle(request))
      checker ??= answerChecker(app, { ...config, version: '0' })
      const check = await checker
      check(request, answer)
      return answer
    },
  }
}

/** Describes behaviour that must be the same on every database there is. */
export const describeApi = (
  title: string,
  define: (api: Api) => void,
  overrides: Partial<Config> = {},
): void => {
  for (const engine of engines())
    describe(`${title} (${engine.name})`, () => define(apiOn(engine, overrides)))
}
