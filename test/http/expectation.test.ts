import { afterAll, beforeAll, expect, test } from 'bun:test'
import { newUserId, SECRET, tokenFor } from '../support/api.ts'
import { someDatabase } from '../support/engines.ts'
import { type Service, startService } from '../support/process.ts'
import { exchange } from '../support/raw-http.ts'

/** `Expect` on a real socket. The client sends no body before it is told to, and nothing closes for two minutes. */
let service: Service
const user = newUserId()
const authorization = `Authorization: Bearer ${tokenFor(user)}\r\n`

beforeAll(async () => {
  service = await startService({ ...someDatabase(), BETTER_AUTH_SECRET: SECRET, AUTH_RATE_LIMIT: '1000' })
  await service.ready()
}, 60_000)

afterAll(async () => {
  service.signal('SIGINT')
  await service.exited
}, 30_000)

const ROUTES = [
  ['GET', '/api/tasks', ''],
  ['HEAD', '/api/tasks', ''],
  ['POST', '/api/tasks', '{"title":"A"}'],
  ['GET', '/api/tasks/1', ''],
  ['PUT', '/api/tasks/1', '{"title":"A"}'],
  ['PATCH', '/api/tasks/1', '{"title":"A"}'],
  ['PATCH', '/api/tasks/1/complete', ''],
  ['PATCH', '/api/tasks/1/complete', '{"completed":true}'],
  ['DELETE', '/api/tasks/1', ''],
  ['GET', `/api/${user}/tasks`, ''],
  ['POST', `/api/${user}/tasks/`, '{"title":"A"}'],
  ['POST', '/api/auth/signup', '{"email":"a@example.com","password":"correct horse"}'],
  ['POST', '/api/auth/login', ''],
] as const

const ask = (method: string, path: string, headers: string) =>
  exchange(service.port, `${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)

test('any other than 100-continue in lower case is 417 at once on every route, with a body or without', async () => {
  for (const [method, path, body] of ROUTES)
    for (const expectation of ['100-Continue', '100-CONTINUE', '100-continue, x', 'x', '200-ok; a=b']) {
      const length = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
      const answer = await ask(method, path, `${authorization}${length}Expect: ${expectation}\r\n`)
      expect([method, path, expectation, answer.status]).toEqual([method, path, expectation, 417])
      expect(answer.headers.connection).toBe('close')
      expect(answer.headers['x-request-id']).toBeTruthy()
      if (method !== 'HEAD') expect(JSON.parse(answer.body)).toMatchObject({ code: 'expectation_failed' })
    }
})

test('no body is waited for in chunks, either', async () => {
  const headers = `${authorization}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n`
  expect((await ask('POST', '/api/tasks', `${headers}Expect: 100-Continue\r\n`)).status).toBe(417)
})

test('who may not ask, and what is not there, is told before', async () => {
  const expectation = 'Content-Length: 5\r\nExpect: 100-Continue\r\n'
  for (const [method, path, headers, status] of [
    ['POST', '/api/tasks', '', 401],
    ['POST', '/api/nobody/tasks', authorization, 403],
    ['POST', '/api/nowhere', authorization, 404],
    ['POST', '/api/tasks/1', authorization, 405],
  ] as const)
    expect([path, (await ask(method, path, `${headers}${expectation}`)).status]).toEqual([path, status])
})

test('nothing was stored', async () => {
  const list = await ask('GET', '/api/tasks', authorization)
  expect([list.status, list.body]).toEqual([200, '[]'])
})
