import { afterAll, expect, test } from 'bun:test'
import { connect } from 'node:net'

/**
 * What Bun's HTTP server does with valid requests, without this service. A test that fails here is good news: that
 * case can be taken out of docs/OPERATIONS.md and docs/upstream/bun-http-parser.md.
 */
const handled: string[] = []
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    handled.push(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`)
    await Bun.sleep(20)
    return new Response('done')
  },
})
afterAll(() => server.stop(true))

/** The statuses that come back, and what the handler was given, until the connection closes or is quiet. */
const exchange = async (text: string) => {
  handled.length = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  let received = ''
  const socket = connect({ host: '127.0.0.1', port: server.port ?? 0 }, () => socket.write(text))
  socket.on('data', (data) => {
    received += data
  })
  socket.on('error', () => {})
  socket.on('close', () => resolve())
  const quiet = setTimeout(() => socket.destroy(), 2000)
  await promise
  clearTimeout(quiet)
  return {
    answers: [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status),
    handled: [...handled],
  }
}

const post = 'POST /a HTTP/1.1\r\nHost: x\r\n'

test('a chunked body with trailers is handled and answered 400', async () => {
  const body = 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n'
  expect(await exchange(post + body)).toEqual({ answers: ['400'], handled: ['POST /a abc'] })
})

test('a body with an empty line after it is handled and answered 400', async () => {
  const body = 'Content-Length: 3\r\n\r\nabc\r\n'
  expect(await exchange(post + body)).toEqual({ answers: ['400'], handled: ['POST /a abc'] })
})

test('of two pipelined requests the first is handled, and none is answered', async () => {
  const body = 'Content-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nHost: x\r\n\r\n'
  expect(await exchange(post + body)).toEqual({ answers: [], handled: ['POST /a abc'] })
})

test('an expectation in another case than lower is waited with for ever', async () => {
  const head = 'Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n'
  expect(await exchange(post + head)).toEqual({ answers: [], handled: [] })
})
