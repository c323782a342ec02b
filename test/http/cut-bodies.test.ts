import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { newUserId, SECRET, tokenFor } from '../support/api.ts'
import { clientFor } from '../support/client.ts'
import { someDatabase } from '../support/engines.ts'
import { type Service, startService } from '../support/process.ts'
import { until } from '../support/until.ts'

/** Bodies that end before they should: it is nobody's defect, and anybody can send them. */
const METRICS_TOKEN = 'the-token-of-the-metrics'
let service: Service
const user = newUserId()
const head = (headers: string, method = 'POST', path = '/api/tasks') =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenFor(user)}\r\n` +
  `Content-Type: application/json\r\n${headers}\r\n\r\n`

beforeAll(async () => {
  service = await startService({
    ...someDatabase(),
    BETTER_AUTH_SECRET: SECRET,
    LOG_LEVEL: 'debug',
    METRICS_TOKEN,
  })
  await service.ready()
}, 60_000)

afterAll(async () => {
  service.signal('SIGINT')
  await service.exited
}, 30_000)

type End = 'end' | 'destroySoon' | 'resetAndDestroy' | 'wait'

/** Sends what is there, ends the connection in one of these ways, and resolves when it is closed. */
const send = (text: string, end: End) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const socket = connect({ host: '127.0.0.1', port: service.port }, () => {
    socket.write(text)
    if (end !== 'wait') setTimeout(() => socket[end](), 50)
  })
  socket.on('error', () => {})
  socket.on('data', () => {})
  socket.on('close', () => resolve())
  return promise
}

const cutOff = () => service.log.filter((line) => line.includes('the body was cut off'))

test('one that its client leaves in the middle, or that is no chunk, is a debug line', async () => {
  const requests: [string, End][] = (['end', 'destroySoon', 'resetAndDestroy'] as const).flatMap((end) => [
    [`${head('Content-Length: 20')}{"title"`, end],
    [`${head('Content-Length: 20')}`, end],
    [`${head('Transfer-Encoding: chunked')}3\r\n{"t\r\n`, end],
    [`${head('Content-Length: 20', 'PATCH', '/api/tasks/1/complete')}{`, end],
    [`${head('Content-Length: 20', 'POST', '/api/auth/login')}{`, end],
    [`${head('Transfer-Encoding: chunked', 'DELETE', '/api/tasks/1')}3\r\n{"t\r\n`, end],
  ])
  requests.push(
    [`${head('Transfer-Encoding: chunked')}zz\r\n`, 'wait'],
    [`${head('Transfer-Encoding: chunked')}3\r\n{"t\r\nzz\r\n`, 'wait'],
    [`${head('Transfer-Encoding: chunked', 'POST', '/api/auth/login')}zz\r\n`, 'wait'],
  )
  for (const [text, end] of requests) await send(text, end)
  await until(() => cutOff().length >= requests.length)

  for (const line of cutOff()) expect(line).toContain('DEBUG request')
  expect(cutOff()).toHaveLength(requests.length)
  const others = service.log.filter((line) => !line.includes('route=/health/ready'))
  expect(others.filter((line) => /WARN|ERROR|status=5/.test(line))).toEqual([])
  const metrics = await fetch(`${service.url}/metrics`, {
    headers: { authorization: `Bearer ${METRICS_TOKEN}` },
  })
  expect(await metrics.text()).not.toMatch(/route="\/api\/[^"]*",status="5/)
})

test('and nothing of it is stored', async () => {
  expect((await clientFor(service.url, user).list()).json).toEqual([])
})
