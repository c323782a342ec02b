import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Service, startService } from '../support/process.ts'
import { signToken } from '../support/token.ts'
import { openBrowser } from './browser.ts'
import { eventually } from './eventually.ts'

/** Pages of two origins call the API from Chromium, which asks and judges as browsers do. */

const SECRET = 'a-secret-that-only-the-tests-know-0123456789'
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'

/** What libraries that monitor pages add to each request, next to what the client sends itself. */
const headers = {
  authorization: `Bearer ${signToken({ sub: 'ada', exp: Math.floor(Date.now() / 1000) + 3600 }, SECRET)}`,
  'content-type': 'application/json',
  traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`,
  baggage: 'sentry-environment=production',
  'sentry-trace': `${TRACE_ID}-00f067aa0ba902b7-1`,
  'x-requested-with': 'XMLHttpRequest',
}

const startPages = () =>
  Bun.serve({
    port: 0,
    hostname: 'localhost',
    fetch: () =>
      new Response('<!doctype html><title>page</title>', { headers: { 'content-type': 'text/html' } }),
  })

const allowed = startPages()
const other = startPages()
const originOf = ({ port }: typeof allowed) => `http://localhost:${port}`

let service: Service
let browser: Awaited<ReturnType<typeof openBrowser>>

beforeAll(async () => {
  ;[service, browser] = await Promise.all([
    startService({
      BETTER_AUTH_SECRET: SECRET,
      ENVIRONMENT: 'test',
      CORS_ORIGINS: originOf(allowed),
    }),
    openBrowser(),
  ])
  await service.ready()
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await service?.stop()
  await allowed.stop(true)
  await other.stop(true)
})

/** What a page of this origin gets from the API, or the message of what it cannot have. */
const askFrom = async (origin: string, method: string, path: string, body?: unknown) => {
  const context = await browser.newProfile()
  const page = await context.newPage()
  await page.goto(origin)
  const url = `http://localhost:${service.port}${path}`
  const init = { method, headers, credentials: 'include' as const, body: body ? JSON.stringify(body) : null }
  const answer = await page.evaluate(
    ({ url, init }) =>
      fetch(url, init).then(
        async (response) => ({
          status: response.status,
          etag: response.headers.get('etag'),
          location: response.headers.get('location'),
          requestId: response.headers.get('x-request-id'),
          text: await response.text(),
        }),
        (error) => String(error),
      ),
    { url, init },
  )
  await context.close()
  return answer
}

/** The lines of the log about requests of pages, from the given one on. Those of the start may still be under way. */
const requestsSince = (line: number) =>
  service.log
    .slice(line)
    .filter((text) => text.includes(' request method=') && !text.includes('route=/health/ready'))

test('a page of an allowed origin may send any header, and read tags, locations and request ids', async () => {
  const from = service.log.length
  const created = await askFrom(originOf(allowed), 'POST', '/api/tasks', { title: 'from a page' })
  expect(created).toMatchObject({
    status: 201,
    etag: expect.stringMatching(/^".+"$/),
    location: expect.stringMatching(/^\/api\/tasks\/\d+$/),
    requestId: expect.stringMatching(/.+/),
  })
  await eventually(() => requestsSince(from).length, 2)
  const [preflight, creation] = requestsSince(from)
  expect(preflight).toContain('method=OPTIONS route=preflight status=204')
  expect(creation).toContain('method=POST route=/api/tasks status=201')
  expect(creation).toContain(`trace_id=${TRACE_ID}`)
})

test('it reads failures, too, and their codes', async () => {
  const { text, ...answer } = (await askFrom(originOf(allowed), 'DELETE', '/api/tasks/999')) as {
    text: string
  }
  expect([answer, JSON.parse(text)]).toMatchObject([{ status: 404 }, { code: 'not_found' }])
})

test('a page of another origin gets nothing, and the log names the origin and why', async () => {
  const from = service.log.length
  const requests = [
    ['GET', undefined],
    ['POST', { title: 'no' }],
  ] as const
  for (const [method, body] of requests)
    expect(await askFrom(originOf(other), method, '/api/tasks', body)).toBe('TypeError: Failed to fetch')
  await eventually(() => requestsSince(from).length, 2)
  // What the page wanted to send never came.
  for (const line of requestsSince(from)) {
    expect(line).toContain('WARN  request method=OPTIONS')
    expect(line).toContain(`origin=${originOf(other)} reason="the origin is not in CORS_ORIGINS"`)
  }
})
