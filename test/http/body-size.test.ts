import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { newUserId, SECRET, tokenFor } from '../support/api.ts'
import { type Service, startService } from '../support/process.ts'
import { exchange, type RawAnswer } from '../support/raw-http.ts'

const MAX_BODY_BYTES = 3000
let service: Service
const user = newUserId()
const authorization = `Authorization: Bearer ${tokenFor(user)}\r\n`
const json = 'Content-Type: application/json\r\n'
const origin = 'Origin: http://localhost:3000\r\nX-Request-Id: big\r\n'

beforeAll(async () => {
  service = await startService({ BETTER_AUTH_SECRET: SECRET, MAX_BODY_BYTES: String(MAX_BODY_BYTES) })
  await service.ready()
}, 60_000)

afterAll(() => service.stop(), 30_000)

const head = (headers: string, { method = 'POST', path = '/api/tasks' } = {}) =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
const chunks = (text: string, size: number) =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    chunk(text.slice(index * size, (index + 1) * size)),
  )

/** A body of a task with exactly so many bytes. */
const bodyOf = (bytes: number) => {
  const empty = '{"title":"A","x":""}'
  return empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`)
}

const expectTooLarge = (answer: RawAnswer) => {
  expect(answer.status).toBe(413)
  expect(JSON.parse(answer.body)).toEqual({
    type: 'about:blank',
    title: 'Content Too Large',
    status: 413,
    code: 'payload_too_large',
    detail: 'The body is too large',
    message: 'The body is too large',
    instance: '/api/tasks',
    request_id: 'big',
  })
  expect(answer.headers['x-request-id']).toBe('big')
  expect(answer.headers['access-control-allow-origin']).toBe('http://localhost:3000')
}

test('a body of MAX_BODY_BYTES is taken, however it is sent', async () => {
  const body = bodyOf(MAX_BODY_BYTES)
  const whole = await exchange(
    service.port,
    head(`${authorization}${json}Content-Length: ${body.length}\r\n`),
    body,
  )
  expect(whole.status).toBe(201)
  for (const size of [1, 100, MAX_BODY_BYTES]) {
    const inChunks = await exchange(
      service.port,
      head(`${authorization}${json}Transfer-Encoding: chunked\r\n`),
      ...chunks(body, size),
      '0\r\n\r\n',
    )
    expect([size, inChunks.status]).toEqual([size, 201])
  }
})

test('one more byte, told by Content-Length, is 413 with all headers', async () => {
  const body = bodyOf(MAX_BODY_BYTES + 1)
  const headers = `${origin}${authorization}${json}Content-Length: ${body.length}\r\n`
  expectTooLarge(await exchange(service.port, head(headers), body))
})

test('413 by Content-Length needs none of the body', async () => {
  for (const length of [MAX_BODY_BYTES + 1, 1_000_000, 200_000_000, 10_000_000_000])
    expectTooLarge(
      await exchange(service.port, head(`${origin}${authorization}${json}Content-Length: ${length}\r\n`)),
    )
})

test('one more byte in chunks is 413 with all headers', async () => {
  for (const size of [100, MAX_BODY_BYTES + 1])
    expectTooLarge(
      await exchange(
        service.port,
        head(`${origin}${authorization}${json}Transfer-Encoding: chunked\r\n`),
        ...chunks(bodyOf(MAX_BODY_BYTES + 1), size),
        '0\r\n\r\n',
      ),
    )
})

test('413 in chunks does not wait for the last one', async () => {
  const headers = `${origin}${authorization}${json}Transfer-Encoding: chunked\r\n`
  expectTooLarge(await exchange(service.port, head(headers), chunk('x'.repeat(MAX_BODY_BYTES + 1))))
})

test('a body too large is of no interest to who may not send one', async () => {
  for (const headers of [`${json}Content-Length: 1000000\r\n`, `${json}Transfer-Encoding: chunked\r\n`]) {
    const body = headers.includes('chunked') ? [...chunks('x'.repeat(20_000), 5000), '0\r\n\r\n'] : []
    expect((await exchange(service.port, head(headers), ...body)).status).toBe(401)
    const other = head(`${authorization}${headers}`, { path: '/api/nobody/tasks' })
    expect((await exchange(service.port, other, ...body)).status).toBe(403)
    const nowhere = head(`${authorization}${headers}`, { path: '/api/tasks/1' })
    expect((await exchange(service.port, nowhere, ...body)).status).toBe(405)
  }
})

test('a client that waits for 100 Continue is answered', async () => {
  const headers = `${authorization}${json}Content-Length: 13\r\nExpect: 100-continue\r\nConnection: close\r\n`
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let received = ''
  let sent = false
  const socket = connect({ host: '127.0.0.1', port: service.port }, () => socket.write(head(headers)))
  socket.on('data', (data) => {
    received += data
    if (!sent && received.startsWith('HTTP/1.1 100 ')) socket.write('{"title":"A"}')
    sent = true
  })
  socket.on('error', reject)
  socket.on('close', () => resolve(received))
  expect(await promise).toMatch(/^HTTP\/1\.1 100 .*HTTP\/1\.1 201 /s)
})

test('the service goes on as if nothing had been', async () => {
  const made = await exchange(
    service.port,
    head(`${authorization}${json}Content-Length: 13\r\n`),
    '{"title":"A"}',
  )
  expect(made.status).toBe(201)
  expect(service.log.filter((line) => /internal error|ERROR/.test(line))).toEqual([])
})
