import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect } from 'node:net'
import type { AnyElysia } from 'elysia'
import { listen } from '../../src/http/listen.ts'
import { newUserId, SECRET, tokenFor } from '../support/api.ts'
import { clientFor } from '../support/client.ts'
import { someDatabase } from '../support/engines.ts'
import { HttpConnection } from '../support/http-connection.ts'
import { type Service, startService } from '../support/process.ts'

/** Balancers and clients keep connections for a while, and some clients read slowly: neither is cut off. */
let service: Service
const user = newUserId()

/** Longer than Bun keeps a quiet connection by itself. */
const WHILE_MS = 13_000

beforeAll(async () => {
  service = await startService({ ...someDatabase(), BETTER_AUTH_SECRET: SECRET })
  await service.ready()
}, 60_000)

afterAll(async () => {
  service.signal('SIGINT')
  await service.exited
}, 30_000)

test.concurrent('a connection that was idle takes the next request', async () => {
  const connection = new HttpConnection(service.url)
  const ask = () => connection.send({ method: 'GET', path: '/health' }, 30_000)
  expect((await ask()).status).toBe(200)
  await Bun.sleep(WHILE_MS)
  expect((await ask()).status).toBe(200)
  connection.close()
}, 60_000)

test.concurrent('a client that pauses gets the whole of a large answer', async () => {
  const alice = clientFor(service.url, user)
  const description = 'x'.repeat(10_000)
  for (let count = 0; count < 90; count++)
    expect((await alice.send('POST', '/api/tasks', { title: `${count}`, description })).status).toBe(201)

  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let received = ''
  const socket = connect({ host: '127.0.0.1', port: service.port }, () => {
    socket.write(
      `GET /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenFor(user)}\r\nConnection: close\r\n\r\n`,
    )
  })
  socket.once('data', () => {
    socket.pause()
    setTimeout(() => socket.resume(), WHILE_MS)
  })
  socket.setEncoding('latin1')
  socket.on('data', (text) => {
    received += text
  })
  socket.on('error', reject)
  socket.on('close', () => resolve(received))
  const answer = await promise
  expect(answer.match(/"title":/g)).toHaveLength(90)
  expect(answer.length).toBeGreaterThan(90 * description.length)
}, 60_000)

// That it is kept to, by whoever sends or reads too slowly, is in test/faults: it takes minutes.
test('a connection that gets nowhere is cut off after two minutes and before three', () => {
  const asked: { idleTimeout: number }[] = []
  const app = { listen: (options: { idleTimeout: number }) => asked.push(options) }
  listen(app as unknown as AnyElysia, { host: '127.0.0.1', port: 0 })
  expect(asked).toHaveLength(1)
  for (const { idleTimeout } of asked) {
    expect(idleTimeout).toBeGreaterThanOrEqual(120)
    expect(idleTimeout).toBeLessThanOrEqual(180)
  }
})
