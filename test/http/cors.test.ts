import { expect, test } from 'bun:test'
import { type Answer, describeApi, newUserId } from '../support/api.ts'

const ALLOWED = ['https://app.example.com', 'http://localhost:5173', 'capacitor://localhost']
const OTHERS = [
  'https://evil.example',
  'https://app.example.com.evil.example',
  'https://evil-app.example.com',
  'http://app.example.com',
  'https://app.example.com:444',
  'https://APP.example.com',
  'https://app.example.com/',
  'capacitor://evil.example',
  'ionic://localhost',
  'http://localhost:3000',
  'http://localhost:5173, https://evil.example',
  'null',
  '*',
  '',
]
const user = newUserId()
const requests: [string, string, object][] = [
  ['GET', '/health', {}],
  ['GET', '/docs', {}],
  ['GET', '/openapi.json', {}],
  ['GET', '/nowhere', {}],
  ['PUT', '/health', {}],
  ['GET', '/api/tasks', {}],
  ['GET', '/api/tasks', { as: user }],
  ['HEAD', '/api/tasks', { as: user }],
  ['GET', '/api/nobody/tasks', { as: user }],
  ['GET', '/api/tasks/x', { as: user }],
  ['DELETE', '/api/tasks', { as: user }],
  ['DELETE', '/api/tasks/1', { as: user }],
  ['POST', '/api/tasks', { as: user, body: { title: 'A' } }],
  ['POST', '/api/tasks', { as: user, body: '{}' }],
  ['POST', '/api/tasks', { as: user, body: { x: 'x'.repeat(70_000) } }],
  ['OPTIONS', '/api/tasks', { as: user }],
]

const grants = ({ headers }: Answer) =>
  [...headers.keys()].filter((name) => name.startsWith('access-control-'))
const listOf = (text: string | null): string[] =>
  (text ?? '')
    .split(/\s*,\s*/)
    .map((name) => name.toLowerCase())
    .sort()
const EXPOSED = ['etag', 'link', 'location', 'retry-after', 'www-authenticate', 'x-request-id']

describeApi(
  'cross-origin requests',
  ({ send, logged }) => {
    const preflight = (origin: string, path: string, wanted?: string) =>
      send('OPTIONS', path, {
        headers: {
          origin,
          'access-control-request-method': 'PUT',
          ...(wanted !== undefined && { 'access-control-request-headers': wanted }),
        },
      })

    test('an allowed origin may read every answer, errors included, with credentials', async () => {
      for (const origin of ALLOWED)
        for (const [method, path, options] of requests) {
          const { headers } = await send(method, path, { ...options, headers: { origin } })
          expect(headers.get('access-control-allow-origin')).toBe(origin)
          expect(headers.get('access-control-allow-credentials')).toBe('true')
          expect(listOf(headers.get('access-control-expose-headers'))).toEqual(EXPOSED)
          expect(listOf(headers.get('vary'))).toContain('origin')
        }
    })

    test('another origin, or none, gets none of these headers, and the answer varies with it', async () => {
      for (const origin of [undefined, ...OTHERS])
        for (const [method, path, options] of requests) {
          const answer = await send(method, path, {
            ...options,
            headers: origin === undefined ? {} : { origin },
          })
          expect([origin, grants(answer)]).toEqual([origin, []])
          expect(listOf(answer.headers.get('vary'))).toContain('origin')
        }
    })

    test('a preflight of an allowed origin is answered without a token, for any path', async () => {
      for (const origin of ALLOWED)
        for (const path of ['/api/tasks', '/api/tasks/1', '/api/x/tasks/1/complete', '/health', '/nowhere']) {
          const answer = await preflight(origin, path)
          expect(answer.status).toBe(204)
          expect(answer.text).toBe('')
          expect(answer.headers.get('x-request-id')).toBeTruthy()
          const { headers } = answer
          expect(headers.get('access-control-allow-origin')).toBe(origin)
          expect(headers.get('access-control-allow-credentials')).toBe('true')
          expect(listOf(headers.get('access-control-allow-methods'))).toEqual([
            'delete',
            'get',
            'head',
            'patch',
            'post',
            'put',
          ])
          expect(listOf(headers.get('vary'))).toContain('origin')
        }
    })

    test('a preflight of an allowed origin may ask for any headers', async () => {
      for (const wanted of [
        'authorization,content-type',
        'if-match, idempotency-key',
        'traceparent,baggage,sentry-trace,x-requested-with',
        'x-made-up',
      ]) {
        const { headers } = await preflight('https://app.example.com', '/api/tasks', wanted)
        expect(listOf(headers.get('access-control-allow-headers'))).toEqual(listOf(wanted))
      }
      const { headers } = await preflight('https://app.example.com', '/api/tasks')
      expect(headers.get('access-control-allow-headers')).toBeNull()
    })

    test('a preflight of another origin is 204 and granted nothing, and logged with the remedy', async () => {
      for (const origin of OTHERS)
        for (const path of ['/api/tasks', '/health', '/nowhere']) {
          const answer = await preflight(origin, path, 'authorization')
          expect([origin, answer.status, answer.text]).toEqual([origin, 204, ''])
          expect(
            logged().find(({ request_id }) => request_id === answer.headers.get('x-request-id')),
          ).toMatchObject({
            level: 'warn',
            method: 'OPTIONS',
            route: 'preflight',
            status: 204,
            origin,
            reason: 'the origin is not in CORS_ORIGINS',
          })
          expect([origin, grants(answer)]).toEqual([origin, []])
          expect(listOf(answer.headers.get('vary'))).toContain('origin')
          expect(answer.headers.get('x-request-id')).toBeTruthy()
        }
    })
  },
  { corsOrigins: ALLOWED },
)

describeApi('cross-origin requests with nothing configured', ({ send }) => {
  test('are allowed from http://localhost:3000 alone', async () => {
    for (const [origin, allowed] of [
      ['http://localhost:3000', 'http://localhost:3000'],
      ['http://localhost:3001', null],
      ['http://127.0.0.1:3000', null],
      ['https://localhost:3000', null],
    ] as const)
      expect(
        (await send('GET', '/health', { headers: { origin } })).headers.get('access-control-allow-origin'),
      ).toBe(allowed)
  })
})
