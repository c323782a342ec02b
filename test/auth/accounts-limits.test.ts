import { afterEach, expect, setSystemTime, test } from 'bun:test'
import {
  accountsOn,
  describeAccounts,
  newAddress,
  newEmail,
  PASSWORD,
  storeAccount,
  WRONG_PASSWORD,
} from '../support/accounts.ts'
import type { Answer } from '../support/api.ts'

const LIMIT = 3
const MINUTE_MS = 60_000

afterEach(() => {
  setSystemTime()
})

const expectLimited = ({ status, json, headers }: Answer, windowSeconds: number) => {
  expect(status).toBe(429)
  expect(json).toMatchObject({ status: 429, title: 'Too Many Requests', code: 'rate_limited' })
  expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(windowSeconds)
  expect(headers.get('x-request-id')).toBe(json.request_id)
}

describeAccounts(
  'the requests of one address',
  ({ signUp, logIn, send, engine }) => {
    const invalid = { email: 'nobody', password: 'short' }

    test('are limited to each endpoint by itself', async () => {
      const from = newAddress()
      for (let count = 0; count < LIMIT; count++) expect((await signUp(invalid, { from })).status).toBe(400)
      expectLimited(await signUp(invalid, { from }), 60)

      for (let count = 0; count < LIMIT; count++) expect((await logIn({}, { from })).status).toBe(400)
      expectLimited(await logIn({}, { from }), 60)
    })

    test('count whatever they are: successes, failures, invalid bodies and what is not JSON', async () => {
      const { email } = await storeAccount(engine)
      const login = newAddress()
      expect((await logIn({ email, password: PASSWORD }, { from: login })).status).toBe(200)
      expect((await logIn({ email, password: WRONG_PASSWORD }, { from: login })).status).toBe(401)
      expect((await logIn({ email }, { from: login })).status).toBe(400)
      expectLimited(await logIn({ email, password: PASSWORD }, { from: login }), 60)

      const signup = newAddress()
      const json = { 'content-type': 'application/json' }
      expect((await signUp('{', { from: signup, headers: json })).status).toBe(400)
      expect(
        (await signUp('hello', { from: signup, headers: { 'content-type': 'text/plain' } })).status,
      ).toBe(415)
      expect((await signUp('x'.repeat(70_000), { from: signup, headers: json })).status).toBe(413)
      expectLimited(await signUp({ email: newEmail(), password: PASSWORD }, { from: signup }), 60)
    })

    test('over the limit are told so before anything of their body is judged', async () => {
      const from = newAddress()
      for (let count = 0; count < LIMIT; count++) await signUp(undefined, { from })
      const json = { 'content-type': 'application/json' }
      expectLimited(await signUp('x'.repeat(70_000), { from, headers: json }), 60)
      expectLimited(await signUp('x', { from, headers: { 'content-type': 'text/plain' } }), 60)
      expectLimited(await signUp('{', { from, headers: json }), 60)
      expectLimited(await signUp(undefined, { from }), 60)
    })

    test('over the limit are still told first that a method or a path is wrong, which counts for nothing', async () => {
      const from = newAddress()
      const headers = { 'x-forwarded-for': from }
      for (let count = 0; count <= LIMIT; count++)
        expect((await send('GET', '/api/auth/signup', { headers })).status).toBe(405)
      for (let count = 0; count < LIMIT; count++) expect((await signUp({}, { from })).status).toBe(400)
      expectLimited(await signUp({}, { from }), 60)
      expect((await send('PUT', '/api/auth/signup', { headers })).status).toBe(405)
      expect((await send('POST', '/api/auth/signups', { headers })).status).toBe(401)
    })

    test('count together with and without a trailing slash', async () => {
      const headers = { 'x-forwarded-for': newAddress() }
      for (const slash of ['/', '', '/'])
        expect((await send('POST', `/api/auth/login${slash}`, { headers, body: {} })).status).toBe(400)
      for (const slash of ['/', ''])
        expectLimited(await send('POST', `/api/auth/login${slash}`, { headers, body: {} }), 60)
    })

    test('are let past again when the window of a minute has ended, not before', async () => {
      const from = newAddress()
      const start = Date.now()
      setSystemTime(start)
      for (let count = 0; count < LIMIT; count++) await logIn({}, { from })
      const first = await logIn({}, { from })
      expectLimited(first, 60)
      expect(first.headers.get('retry-after')).toBe('60')

      // The window is fixed: what is asked in it does not make it longer.
      setSystemTime(start + MINUTE_MS - 1500)
      const last = await logIn({}, { from })
      expectLimited(last, 60)
      expect(last.headers.get('retry-after')).toBe('2')

      setSystemTime(start + MINUTE_MS + 1)
      for (let count = 0; count < LIMIT; count++) expect((await logIn({}, { from })).status).toBe(400)
      expectLimited(await logIn({}, { from }), 60)
    })

    test('do not count for another address', async () => {
      const from = newAddress()
      for (let count = 0; count <= LIMIT; count++) await signUp({}, { from })
      expect((await signUp({}, { from })).status).toBe(429)
      expect((await signUp({}, { from: newAddress() })).status).toBe(400)
    })

    test('are all counted when they come at the same moment', async () => {
      const from = newAddress()
      const answers = await Promise.all(Array.from({ length: 20 }, () => logIn({}, { from })))
      const statuses = answers.map(({ status }) => status).sort()
      expect(statuses).toEqual([...Array(LIMIT).fill(400), ...Array(20 - LIMIT).fill(429)])
    })

    test('do not limit tasks', async () => {
      const from = newAddress()
      for (let count = 0; count <= LIMIT; count++) await logIn({}, { from })
      const answer = await send('GET', '/api/tasks', { as: 'anybody', headers: { 'x-forwarded-for': from } })
      expect(answer.status).toBe(200)
    })
  },
  { authRateLimit: LIMIT },
)

describeAccounts('the default limit', ({ engine }) => {
  test('is 20 requests a minute', async () => {
    const { logIn } = accountsOn(engine)
    const from = newAddress()
    for (let count = 0; count < 20; count++) expect((await logIn({}, { from })).status).toBe(400)
    expectLimited(await logIn({}, { from }), 60)
  })
})
