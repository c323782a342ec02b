import { afterAll, beforeAll, expect, test } from 'bun:test'
import { newUserId, SECRET, tokenFor } from '../support/api.ts'
import { type Service, startService } from '../support/process.ts'
import { exchange, type RawAnswer } from '../support/raw-http.ts'

/** The real process, on a real socket, with requests that no HTTP client would send. */
let service: Service
const user = newUserId()
const authorization = `Authorization: Bearer ${tokenFor(user)}\r\n`
let taskId: number

beforeAll(async () => {
  service = await startService({ BETTER_AUTH_SECRET: SECRET })
  await service.ready()
  const made = await fetch(`${service.url}/api/tasks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokenFor(user)}`, 'content-type': 'application/json' },
    body: '{"title":"private"}',
  })
  taskId = ((await made.json()) as { id: number }).id
}, 60_000)

afterAll(() => service.stop(), 30_000)

const ask = (target: string, headers = '', { method = 'GET', host = 'Host: x\r\n', version = '1.1' } = {}) =>
  exchange(service.port, `${method} ${target} HTTP/${version}\r\n${host}${headers}Connection: close\r\n\r\n`)

const HOSTS = [
  'Host:\r\n',
  'Host: \r\n',
  'Host: a\r\n',
  'Host: ab\r\n',
  'Host: x\r\nHost: y\r\n',
  'Host: a:b:c\r\n',
  'Host: :80\r\n',
  'Host: x:99999\r\n',
  'Host: [::\r\n',
  'Host: [::1]:8000\r\n',
  'Host: /health\r\n',
  'Host: x/health?\r\n',
  'Host: x/health#\r\n',
  'Host: x?\r\n',
  'Host: x#\r\n',
  'Host: x\\health\r\n',
  'Host: user@x\r\n',
  'Host: x y\r\n',
  'Host: %2F\r\n',
  'Host: \xff\xfe\r\n',
  `Host: ${'a'.repeat(1000)}\r\n`,
]

const expectRefusal = (answer: RawAnswer, context: unknown) => {
  expect([context, answer.status]).toEqual([context, 401])
  expect(answer.headers['www-authenticate']).toBe('Bearer')
  expect(JSON.parse(answer.body)).toMatchObject({ status: 401, code: 'unauthenticated' })
}

const expectList = (answer: RawAnswer, context: unknown) => {
  expect([context, answer.status]).toEqual([context, 200])
  expect(JSON.parse(answer.body)).toMatchObject([{ title: 'private', user_id: user }])
}

/** No answer, or one by Bun itself to what is not HTTP (4xx without a body), or one of ours; never a 5xx. */
const expectNoBypass = (answer: RawAnswer, context: unknown) => {
  expect([context, answer.status < 500]).toEqual([context, true])
  expect([context, answer.body.includes('private')]).toEqual([context, false])
  expect([context, answer.status >= 200 && answer.status < 300]).toEqual([context, false])
}

test('no Host opens a way past authentication, or keeps anyone from getting in', async () => {
  for (const host of HOSTS)
    for (const path of ['/api/tasks', `/api/${user}/tasks`, `/api/tasks/${taskId}`]) {
      expectRefusal(await ask(path, '', { host }), [host, path])
      const answer = await ask(path, authorization, { host })
      expect([host, path, answer.status]).toEqual([host, path, 200])
    }
})

test('the path is found behind any Host: what is not a route is not mistaken for one', async () => {
  for (const host of HOSTS) {
    for (const path of ['/zz/api/tasks', '/x/health', '/xhealth', '/h', '/zzz/api/auth/login']) {
      const answer = await ask(path, authorization, { host })
      expect([host, path, answer.status]).toEqual([host, path, 404])
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'not_found', instance: path })
    }
    expect([host, (await ask('/health', '', { host })).status]).toEqual([host, 200])
    expectRefusal(await ask('/api/health', '', { host }), host)
  }
})

test('HTTP/1.1 without a Host is no request', async () => {
  for (const path of ['/api/tasks', '/health'])
    expect((await ask(path, authorization, { host: '' })).status).toBe(400)
})

test('HTTP/1.0 without a Host is served like any other', async () => {
  for (const host of ['', 'Host: a\r\n']) {
    const as = { host, version: '1.0' }
    expectRefusal(await ask('/api/tasks', '', as), host)
    expectList(await ask('/api/tasks', authorization, as), host)
    expect((await ask('/health', '', as)).status).toBe(200)
    expect((await ask('/nowhere', '', as)).status).toBe(404)
  }
})

test('an absolute-form target means its path, whatever its host', async () => {
  for (const origin of [
    'http://x',
    'http://evil.example',
    'https://x:1',
    'http://x:99999',
    'http://u:p@x',
    'HTTP://X',
  ])
    for (const host of ['Host: x\r\n', '', 'Host: a:b:c\r\n']) {
      expectNoBypass(await ask(`${origin}/api/tasks`, '', { host }), [origin, host])
      const answer = await ask(`${origin}/api/tasks`, authorization, { host })
      expect([origin, host, [200, 400, 404].includes(answer.status)]).toEqual([origin, host, true])
    }
})

test('no spelling of a path opens a way past authentication, and none is a 500', async () => {
  for (const path of [
    '//api/tasks',
    '///api/tasks',
    '/api//tasks',
    '/api/tasks//',
    '/api///tasks',
    `//api//tasks//${taskId}`,
    '/./api/tasks',
    '/api/./tasks',
    '/api/../api/tasks',
    '/health/../api/tasks',
    '/health/..;/api/tasks',
    '/health/%2e%2e/api/tasks',
    '/health/..%2fapi/tasks',
    '/health/..%5capi/tasks',
    '/health\\..\\api\\tasks',
    '/api/auth/login/../../tasks',
    '/api/auth/login/..%2f..%2ftasks',
    '/api/auth/login/tasks',
    '/api/auth/signup;/tasks',
    '/api%2Ftasks',
    '/api/tasks%2F1',
    `/api%2f${user}%2ftasks`,
    '/%61pi/tasks',
    '/api/%74asks',
    '/API/TASKS',
    '/api/tasks%00',
    '/api/tasks%20',
    '/api/tasks;x=y',
    '/api/tasks.json',
    '/api/tasks?x#y',
    '/api/tasks#/health',
    '/health#/api/tasks?x=/api/tasks',
    '/health?/../api/tasks',
    '/api/%/tasks',
    '/api/%ZZ/tasks',
    '/api/%FF/tasks',
    '/api/%ED%A0%80/tasks',
    '/api/\xff/tasks',
    '/api/tasks/\xc3\xa9',
    `/api/tasks/${'9'.repeat(2000)}`,
    `/api/${'a'.repeat(2000)}/tasks`,
    `/api/tasks${'/x'.repeat(500)}`,
    'api/tasks',
    '?',
    '*',
    '',
  ]) {
    const anonymous = await ask(path)
    expect([path, anonymous.status < 500, anonymous.body.includes('private')]).toEqual([path, true, false])
    if (!path.startsWith('/health')) expectNoBypass(anonymous, path)
    expect([path, (await ask(path, authorization)).status < 500]).toEqual([path, true])
  }
})

test('no method opens a way past authentication, and none is a 500', async () => {
  for (const method of [
    'HEAD',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'TRACE',
    'CONNECT',
    'PROPFIND',
    'QUERY',
    'get',
    'GETT',
    'X',
  ])
    for (const path of ['/api/tasks', `/api/tasks/${taskId}`, `/api/${user}/tasks`]) {
      expectNoBypass(await ask(path, 'Content-Length: 0\r\n', { method }), [method, path])
      for (const other of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])
        expectRefusal(await ask(path, `${other}: OPTIONS\r\n`), [other, path])
    }
})

test('no header stands in for the token or for the path', async () => {
  const token = tokenFor(user)
  for (const header of [
    'X-Original-URL: /health',
    'X-Rewrite-URL: /health',
    'X-Forwarded-Prefix: /health',
    `X-User-Id: ${user}`,
    `X-Forwarded-User: ${user}`,
    `Cookie: token=${token}; Authorization=Bearer ${token}; better-auth.session_token=${token}`,
    `X-Authorization: Bearer ${token}`,
    `Proxy-Authorization: Bearer ${token}`,
    `Authorization: ${token}`,
    `Authorization: Token ${token}`,
    `Authorization: Bearer`,
    `Sec-WebSocket-Protocol: ${token}`,
    'Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13',
  ])
    expectRefusal(await ask('/api/tasks', `${header}\r\n`), header)
  expectRefusal(await ask(`/api/tasks?access_token=${token}&token=${token}`), 'query')
})

test('two Authorization headers are no token, whichever comes first', async () => {
  for (const headers of [
    `${authorization}Authorization: Bearer x\r\n`,
    `Authorization: Bearer x\r\n${authorization}`,
  ])
    expect((await ask('/api/tasks', headers)).status).toBe(401)
})

test('HEAD answers carry no body on the wire', async () => {
  for (const [path, headers, status] of [
    ['/health', '', 200],
    ['/api/tasks', authorization, 200],
    ['/api/tasks', '', 401],
    ['/nowhere', '', 404],
    [`/api/tasks/${taskId}`, authorization, 200],
    [`/api/tasks/${taskId}`, `${authorization}If-None-Match: *\r\n`, 304],
    [`/api/tasks/${taskId}/complete`, authorization, 405],
  ] as const) {
    const answer = await ask(path, headers, { method: 'HEAD' })
    expect([path, answer.status, answer.body]).toEqual([path, status, ''])
    expect(answer.headers['x-request-id']).toBeTruthy()
  }
})

test('nothing of this was a defect that the log tells of', () => {
  expect(service.log.filter((line) => /internal error|ERROR/.test(line))).toEqual([])
})
