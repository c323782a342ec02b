import { describe, expect, test } from 'bun:test'
import { localRateLimiter, sharedRateLimiter } from '../../src/auth/rate-limit.ts'
import { createDatabase } from '../../src/db/database.ts'
import { createLog } from '../../src/log.ts'
import {
  accountsOn,
  allowSlowHashes,
  describeAccounts,
  newAddress,
  newEmail,
  PASSWORD,
  storeAccount,
  WRONG_PASSWORD,
} from '../support/accounts.ts'
import { apiOn } from '../support/api.ts'
import { engines } from '../support/engines.ts'
import { startService } from '../support/process.ts'

allowSlowHashes()

const PATHS = ['/api/auth/signup', '/api/auth/login', '/api/auth/signup/', '/api/auth/login/']
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const ORIGIN = 'http://localhost:3000'

describeAccounts('signup and login', ({ send, signUp, logIn, engine }) => {
  for (const path of PATHS)
    test(`${path} takes POST alone: any other method is 405 with Allow, without and with a token`, async () => {
      for (const method of METHODS.filter((name) => name !== 'POST'))
        for (const options of [{}, { as: 'anybody' }]) {
          const answer = await send(method, path, options)
          expect(answer.status).toBe(405)
          expect(answer.headers.get('allow')).toBe('POST')
          if (method !== 'HEAD') expect(answer.json).toMatchObject({ code: 'method_not_allowed' })
        }
    })

  test('need no token and do not mind one that is not valid', async () => {
    for (const authorization of ['Bearer nonsense', 'Basic eDp5'])
      for (const path of PATHS) {
        const headers = { authorization, 'x-forwarded-for': newAddress() }
        expect((await send('POST', path, { headers, body: {} })).status).toBe(400)
      }
  })

  test('are all that is public under /api/auth', async () => {
    for (const path of [
      '',
      '/',
      '/signup/x',
      '/login/login',
      '/SIGNUP',
      '/logout',
      '//login',
      '/sign%75p',
      '/signup%2f',
    ])
      for (const method of ['GET', 'POST']) {
        expect(
          (await send(method, `/api/auth${path}`, { body: method === 'POST' ? {} : undefined })).status,
        ).toBe(401)
        expect((await send(method, `/api/auth${path}`, { as: 'anybody' })).status).toBe(404)
      }
  })

  test('answer an allowed origin with its CORS headers and every request with its id, whatever the answer', async () => {
    const { email } = await storeAccount(engine)
    const from = newAddress()
    const limited = accountsOn(engine, { authRateLimit: 1 })
    const id = () => `request-${crypto.randomUUID()}`
    const headers = () => ({ origin: ORIGIN, 'x-request-id': id() })
    const type = { 'content-type': 'text/plain' }
    const sent = [
      [200, headers(), (h: Record<string, string>) => logIn({ email, password: PASSWORD }, { headers: h })],
      [400, headers(), (h: Record<string, string>) => signUp({}, { headers: h })],
      [
        401,
        headers(),
        (h: Record<string, string>) => logIn({ email, password: WRONG_PASSWORD }, { headers: h }),
      ],
      [405, headers(), (h: Record<string, string>) => send('GET', '/api/auth/login', { headers: h })],
      [409, headers(), (h: Record<string, string>) => signUp({ email, password: PASSWORD }, { headers: h })],
      [413, headers(), (h: Record<string, string>) => signUp({ x: 'x'.repeat(70_000) }, { headers: h })],
      [415, headers(), (h: Record<string, string>) => signUp('x', { headers: { ...h, ...type } })],
      [400, headers(), (h: Record<string, string>) => limited.logIn({}, { from, headers: h })],
      [429, headers(), (h: Record<string, string>) => limited.logIn({}, { from, headers: h })],
    ] as const
    for (const [status, requestHeaders, request] of sent) {
      const answer = await request(requestHeaders)
      expect(answer.status).toBe(status)
      expect(answer.headers.get('x-request-id')).toBe(requestHeaders['x-request-id'])
      expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN)
      expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
      expect(answer.headers.get('access-control-expose-headers')).toInclude('Retry-After')
      expect(answer.headers.get('vary')).toBe('Origin')
      if (status >= 400) {
        expect(answer.headers.get('content-type')).toBe('application/problem+json')
        expect(answer.json).toMatchObject({ status, request_id: requestHeaders['x-request-id'] })
      }
    }
    const stranger = await logIn({}, { headers: { origin: 'https://evil.example' } })
    expect(stranger.headers.get('access-control-allow-origin')).toBeNull()
    expect(stranger.headers.get('vary')).toBe('Origin')
    expect(stranger.headers.get('x-request-id')).toMatch(/^[\w.-]{1,128}$/)
  })

  test('may be preflighted by an allowed origin, which counts for nothing', async () => {
    const limited = accountsOn(engine, { authRateLimit: 1 })
    const from = newAddress()
    const headers = {
      origin: ORIGIN,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
      'x-forwarded-for': from,
    }
    for (let count = 0; count < 2; count++) {
      const answer = await limited.send('OPTIONS', '/api/auth/login', { headers })
      expect(answer.status).toBe(204)
      expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN)
      expect(answer.headers.get('access-control-allow-methods')).toInclude('POST')
      expect(answer.headers.get('access-control-allow-headers')).toBe('content-type')
    }
    expect((await limited.logIn({}, { from })).status).toBe(400)
  })
})

for (const engine of engines())
  describe(`where accounts are switched off (${engine.name})`, () => {
    const { send } = apiOn(engine, { signupEnabled: false })
    for (const path of PATHS)
      test(`${path} is 404 for any method, without and with a token`, async () => {
        for (const method of METHODS)
          for (const options of [{}, { as: 'anybody' }]) {
            const body = ['GET', 'HEAD'].includes(method)
              ? undefined
              : { email: newEmail(), password: PASSWORD }
            const answer = await send(method, path, { ...options, body })
            expect(answer.status).toBe(404)
            expect(answer.headers.get('allow')).toBeNull()
            expect(answer.headers.get('x-request-id')).toBeString()
            if (method !== 'HEAD') expect(answer.json).toMatchObject({ code: 'not_found', instance: path })
          }
      })

    test('a body that is too large, of another type or not JSON is 404 all the same', async () => {
      for (const body of ['x'.repeat(70_000), '{', ''])
        expect(
          (await send('POST', '/api/auth/signup', { body, headers: { 'content-type': 'text/plain' } }))
            .status,
        ).toBe(404)
    })
  })

describe('the service as a process', () => {
  const status = async (url: string, method = 'POST') => {
    const answer = await fetch(url, { method, ...(method === 'POST' && { body: '{}' }) })
    await answer.arrayBuffer()
    return answer.status
  }
  // Nobody listens there, and nobody is needed: a database would only take time to start.
  const DATABASE_URL = 'postgres://nobody@127.0.0.1:9/none'
  const secret = 'a-secret-that-only-this-test-knows-01234567'

  test('has no accounts with SIGNUP_ENABLED=false', async () => {
    await using service = await startService({
      DATABASE_URL,
      SIGNUP_ENABLED: 'false',
      BETTER_AUTH_SECRET: secret,
    })
    for (const path of PATHS) {
      expect(await status(service.url + path)).toBe(404)
      expect(await status(service.url + path, 'GET')).toBe(404)
    }
  })

  test('has no accounts without a secret, when keys come from JWKS_URL', async () => {
    await using service = await startService({
      DATABASE_URL,
      JWKS_URL: 'http://127.0.0.1:9/jwks',
      JWT_ISSUER: 'https://issuer.example',
      JWT_AUDIENCE: 'https://api.example',
    })
    for (const path of PATHS) expect(await status(service.url + path)).toBe(404)
  })
})

describe('while the database cannot be reached', () => {
  const log = createLog({ level: 'silent', format: 'json' })
  for (const [where, limiterOf] of [
    ['shared', sharedRateLimiter],
    ['local', () => localRateLimiter],
  ] as const)
    test(`signup and login are 503 with Retry-After, with ${where} limits`, async () => {
      const [engine] = engines()
      if (!engine) throw new Error('no engine')
      // Never opened: what a service has that is still starting.
      const database = createDatabase({
        connect: () => Promise.reject(new Error('it must not connect')),
        max: 1,
        timeoutMs: 100,
        maxPending: 10,
        log,
      })
      const api = accountsOn({ ...engine, database, isServer: limiterOf === sharedRateLimiter })
      for (const answer of [
        await api.signUp({ email: newEmail(), password: PASSWORD }),
        await api.logIn({ email: newEmail(), password: PASSWORD }),
      ]) {
        expect(answer.status).toBe(503)
        expect(answer.json).toMatchObject({ code: 'unavailable' })
        expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      }
    })
})
