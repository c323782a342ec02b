import { expect, test } from 'bun:test'
import { createMetrics } from '../../src/http/metrics.ts'
import { newAddress } from '../support/accounts.ts'
import { type Answer, apiOn, describeApi, newUserId, type RequestOptions } from '../support/api.ts'
import { makeTask } from '../support/task-forms.ts'

/** The headers of each kind of answer: all of them, and no others. */

const JSON_TYPE = 'application/json'
const PROBLEM = 'application/problem+json'

/** What every answer has, but for its id. */
const usual = {
  'content-type': JSON_TYPE,
  'cache-control': 'no-store',
  vary: 'Origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}
const problem = { ...usual, 'content-type': PROBLEM }
const { 'content-type': _, ...withoutContent } = usual
/** A task may be kept by the browser it was sent to, which asks each time whether it is still good. */
const task = { 'cache-control': 'private, no-cache', etag: expect.stringMatching(/^"[^"]+"$/) }
const someSeconds = expect.stringMatching(/^[1-9]\d*$/)

const headersOf = ({ headers }: Answer): Record<string, unknown> => {
  // Without a socket only HEAD has a length.
  const { 'x-request-id': requestId, 'content-length': _, ...others } = Object.fromEntries(headers)
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
  return others
}

const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

describeApi('the headers of', (api) => {
  const { engine } = api
  const user = newUserId()
  const metrics = createMetrics({
    token: 'only-for-tests-only-for-tests-00',
    databaseStats: engine.database.stats,
    tokenCounts: { remembered: 0, verified: 0, expired: 0, invalid: 0, unavailable: 0 },
  })
  const { send } = apiOn(engine, { authRateLimit: 1, trustProxy: 1 }, { metrics })

  const expectHeaders = async (
    request: [method: string, path: string, options?: RequestOptions],
    status: number,
    headers: Record<string, unknown>,
  ) => {
    const answer = await send(...request)
    expect([...request, answer.status]).toEqual([...request, status])
    expect(headersOf(answer)).toEqual(headers)
  }

  test('what is public', async () => {
    await expectHeaders(['GET', '/'], 200, usual)
    await expectHeaders(['GET', '/health'], 200, usual)
    await expectHeaders(['GET', '/health/ready'], 200, usual)
    await expectHeaders(['GET', '/docs'], 200, {
      ...usual,
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': CONTENT_SECURITY_POLICY,
    })
    const [, script = ''] = /src="(\/docs\/[^"]+\.js)"/.exec((await send('GET', '/docs')).text) ?? []
    await expectHeaders(['GET', script], 200, {
      ...usual,
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'Origin, Accept-Encoding',
    })
    await expectHeaders(['GET', '/openapi.json'], 200, {
      ...usual,
      'cache-control': 'no-cache',
      vary: 'Origin, Accept-Encoding',
      etag: expect.stringMatching(/^W\/"[0-9a-f]{16}"$/),
    })
  })

  test('tasks', async () => {
    const { path, etag } = await makeTask(api, { user })
    await expectHeaders(['GET', '/api/tasks', { as: user }], 200, usual)
    await expectHeaders(['POST', '/api/tasks', { as: user, body: { title: 'A' } }], 201, {
      ...usual,
      ...task,
      location: expect.stringMatching(/^\/api\/tasks\/\d+$/),
    })
    await expectHeaders(['GET', '/api/tasks?limit=1', { as: user }], 200, {
      ...usual,
      link: expect.stringMatching(/^<\/api\/tasks\?limit=1&after=[\w-]+>; rel="next"$/),
    })
    const patch = { 'accept-patch': 'application/json, application/merge-patch+json' }
    for (const [method, suffix, body, more] of [
      ['GET', '', undefined, {}],
      ['HEAD', '', undefined, {}],
      ['PUT', '', { title: 'B' }, {}],
      ['PATCH', '', { title: 'C' }, patch],
      ['PATCH', '/complete', undefined, patch],
    ] as const)
      await expectHeaders([method, `${path}${suffix}`, { as: user, body }], 200, {
        ...usual,
        ...task,
        ...more,
      })
    const known = {
      as: user,
      headers: { 'if-none-match': (await send('GET', path, { as: user })).headers.get('etag') ?? '' },
    }
    await expectHeaders(['GET', path, known], 304, { ...withoutContent, ...task })
    await expectHeaders(['DELETE', path, { as: user, headers: { 'if-match': etag } }], 412, problem)
    await expectHeaders(['DELETE', path, { as: user }], 204, withoutContent)
  })

  test('what is refused', async () => {
    const bearer = { 'www-authenticate': 'Bearer' }
    const asUser = { as: user }
    const json = { 'content-type': JSON_TYPE }
    await expectHeaders(['GET', '/api/tasks'], 401, { ...problem, ...bearer })
    await expectHeaders(['GET', '/api/tasks', { headers: { authorization: 'Bearer x' } }], 401, {
      ...problem,
      'www-authenticate': 'Bearer error="invalid_token", error_description="The token is not valid"',
    })
    await expectHeaders(['GET', '/metrics'], 401, { ...problem, ...bearer })
    await expectHeaders(['GET', `/api/${newUserId()}/tasks`, asUser], 403, problem)
    await expectHeaders(['GET', '/nowhere'], 404, problem)
    await expectHeaders(['GET', '/api/nowhere', asUser], 404, problem)
    await expectHeaders(['GET', '/api/tasks/1', asUser], 404, problem)
    await expectHeaders(['POST', '/health'], 405, { ...problem, allow: 'GET, HEAD' })
    await expectHeaders(['POST', '/api/tasks', { ...asUser, body: { title: '' } }], 400, problem)
    await expectHeaders(['POST', '/api/tasks', { ...asUser, body: '{', headers: json }], 400, problem)
    await expectHeaders(['POST', '/api/tasks', { ...asUser, body: '{}' }], 415, problem)
    await expectHeaders(
      ['POST', '/api/tasks', { ...asUser, body: `"${'x'.repeat(70_000)}"`, headers: json }],
      413,
      problem,
    )
    const from = { body: {}, headers: { 'x-forwarded-for': newAddress() } }
    await expectHeaders(['POST', '/api/auth/login', from], 400, problem)
    await expectHeaders(['POST', '/api/auth/login', from], 429, { ...problem, 'retry-after': someSeconds })
    const unknown = { email: 'nobody@example.com', password: 'correct horse battery staple' }
    await expectHeaders(
      ['POST', '/api/auth/login', { body: unknown, headers: { 'x-forwarded-for': newAddress() } }],
      401,
      { ...problem, ...bearer },
    )
  })

  test('what fails', async () => {
    const failing = (isReady: () => Promise<boolean>) =>
      apiOn(engine, {}, { isReady }).send('GET', '/health/ready')
    expect(headersOf(await failing(async () => false))).toEqual({ ...problem, 'retry-after': '1' })
    const broken = { ...engine.database, run: () => Promise.reject(new Error('a defect')) }
    const defect = await apiOn(engine, {}, { database: broken }).send('GET', '/api/tasks', { as: user })
    expect(defect.status).toBe(500)
    expect(headersOf(defect)).toEqual(problem)
  })

  test('a preflight of an allowed origin', async () => {
    const origin = 'http://localhost:3000'
    const headers = { origin, 'access-control-request-method': 'PUT' }
    const answer = headersOf(await send('OPTIONS', '/api/tasks', { headers }))
    expect(answer).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '7200',
    })
  })
})
