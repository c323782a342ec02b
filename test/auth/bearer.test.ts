import { describe, expect, test } from 'bun:test'
import { SECRET } from '../support/api.ts'
import { authentication, EXPIRED, letPast, REFUSED } from '../support/authentication.ts'
import { encodePart, hmacToken } from '../support/token.ts'

/** The `Authorization` header: RFC 6750. */

const MISSING = {
  status: 401,
  code: 'unauthenticated',
  detail: 'Missing bearer token',
  challenge: 'Bearer',
  user: undefined,
  reason: 'no bearer token',
}

describe('a request without a bearer token', () => {
  const { ask, token, statements } = authentication()

  test('is told so, without an error in WWW-Authenticate', async () => {
    expect(await ask()).toMatchObject(MISSING)
  })

  test.each(['Basic YWxpY2U6c2VjcmV0', 'Digest username="alice"', 'Token abc', 'JWT abc'])(
    'is one with another scheme: %s',
    async (header) => {
      expect(await ask(header)).toMatchObject(MISSING)
    },
  )

  test('is one with the scheme alone', async () => {
    expect(await ask('Bearer')).toMatchObject(MISSING)
    expect(await ask('Bearer   ')).toMatchObject(MISSING)
    expect(await ask('')).toMatchObject(MISSING)
  })

  test('is one whose scheme only begins like Bearer, or is left out', async () => {
    expect(await ask(`Bearers ${token()}`)).toMatchObject(MISSING)
    expect(await ask(`Bearer${token()}`)).toMatchObject(MISSING)
    expect(await ask(token())).toMatchObject(MISSING)
  })

  test('asks the database nothing', () => {
    expect(statements()).toBe(0)
  })
})

describe('a request with a bearer token', () => {
  const { ask, present, token, claims, clock, statements } = authentication()

  test('is let past when the token is valid', async () => {
    expect(await present(token())).toMatchObject(letPast('alice'))
  })

  test.each(['bearer', 'BEARER', 'bEaReR'])('may write the scheme as %s', async (scheme) => {
    expect(await ask(`${scheme} ${token()}`)).toMatchObject(letPast('alice'))
  })

  test('may have several spaces before the token', async () => {
    expect(await ask(`Bearer   ${token()}`)).toMatchObject(letPast('alice'))
  })

  test('is told that the token is not valid, in the words of RFC 6750', async () => {
    expect(await present('nonsense')).toMatchObject(REFUSED)
  })

  test('is told that the token expired, in the words of RFC 6750', async () => {
    expect(await present(token({ exp: clock.seconds() - 3600 }))).toMatchObject(EXPIRED)
  })

  const [header = '', payload = '', signature = ''] = token().split('.')
  const signed = (part: string, content: object | string) =>
    part === 'header'
      ? hmacToken(content, claims(), SECRET)
      : hmacToken({ alg: 'HS256', typ: 'JWT' }, content, SECRET)

  test.each<[string, string]>([
    ['one part', 'abc'],
    ['two parts', `${header}.${payload}`],
    ['two parts and a dot', `${header}.${payload}.`],
    ['four parts', `${header}.${payload}.${signature}.${signature}`],
    ['five parts, as an encrypted one', `${header}.${payload}.${signature}.${payload}.${signature}`],
    ['dots alone', '..'],
    ['a header that is not base64url', `%%%.${payload}.${signature}`],
    ['a payload that is not base64url', `${header}.%%%.${signature}`],
    ['a signature that is not base64url', `${header}.${payload}.%%%`],
    ['a header that is not JSON', signed('header', 'alg=HS256')],
    ['a header that is an array', signed('header', '["HS256"]')],
    ['a header that is null', signed('header', 'null')],
    ['a header without alg', signed('header', { typ: 'JWT' })],
    ['an alg that is a number', signed('header', { alg: 256 })],
    ['an alg that is a list', signed('header', { alg: ['HS256'] })],
    ['a payload that is not JSON', signed('payload', 'sub=alice')],
    ['a payload that is an array', signed('payload', '[]')],
    ['a payload that is null', signed('payload', 'null')],
    ['a payload that is a string', signed('payload', '"alice"')],
    ['an empty payload', signed('payload', '')],
    ['a payload that was changed', `${header}.${encodePart({ ...claims(), sub: 'bob' })}.${signature}`],
    ['another secret', hmacToken({ alg: 'HS256' }, claims(), `${SECRET}!`)],
    ['two tokens', `${token()},${token()}`],
    ['two tokens and a space', `${token()} ${token()}`],
  ])('is refused as invalid: %s', async (_what, malformed) => {
    expect(await present(malformed)).toMatchObject(REFUSED)
  })

  test('asks the database nothing when the token is refused', () => {
    expect(statements()).toBe(0)
  })
})

describe('a request without a valid token, to any of the tasks', () => {
  const { ask, statements } = authentication()
  const requests: [string, string, string | undefined][] = [
    ['GET', '/api/tasks', undefined],
    ['GET', '/api/tasks?limit=nonsense', undefined],
    ['POST', '/api/tasks', '{"title":"x"}'],
    ['POST', '/api/tasks', '{"title":'],
    ['GET', '/api/tasks/1', undefined],
    ['PUT', '/api/tasks/1', '{"title":"x"}'],
    ['PATCH', '/api/tasks/1', '{"completed":true}'],
    ['PATCH', '/api/tasks/1/complete', undefined],
    ['DELETE', '/api/tasks/nonsense', undefined],
    ['OPTIONS', '/api/tasks', undefined],
    ['POST', '/api/tasks/1', undefined],
  ]

  test.each(requests)(
    'is 401 before anything else and asks the database nothing: %s %s',
    async (method, path, body) => {
      for (const target of [path, path.replace('/api/tasks', '/api/alice/tasks')]) {
        expect(await ask(undefined, method, target, body)).toMatchObject(MISSING)
        expect(await ask('Bearer nonsense', method, target, body)).toMatchObject(REFUSED)
      }
      expect(statements()).toBe(0)
    },
  )
})
