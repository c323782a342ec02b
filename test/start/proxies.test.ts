import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { newEmail, PASSWORD } from '../support/accounts.ts'
import { SECRET, tokenFor } from '../support/api.ts'
import { findCaddy, startCaddy } from '../support/caddy.ts'
import { HttpConnection } from '../support/http-connection.ts'
import { findNginx, startNginxWith } from '../support/nginx.ts'
import { startService } from '../support/process.ts'
import { printedCaddy, printedNginx } from '../support/proxy-settings.ts'
import { exchange } from '../support/raw-http.ts'

/** nginx and Caddy with the blocks that docs/OPERATIONS.md prints. */

const GUESSES = 3
const LONG = 'many words '.repeat(200)

interface Proxy {
  url: string
  remove(): Promise<void>
}

interface Kind {
  name: string
  isInstalled: boolean
  start(port: number): Promise<Proxy>
  /** What a request with a backslash in its path is answered. */
  backslashStatus: number
  /** What its compression makes of an entity tag. */
  compressedTag: RegExp
}

const kinds: Kind[] = [
  {
    name: 'nginx',
    isInstalled: findNginx() !== null,
    start: (replica) => startNginxWith((port) => `gzip on; gzip_types *;\n${printedNginx(port, [replica])}`),
    backslashStatus: 400,
    compressedTag: /^W\/"[^"]+"$/,
  },
  {
    name: 'Caddy',
    isInstalled: findCaddy() !== null,
    start: (replica) => startCaddy((port) => printedCaddy(port, [replica])),
    // Caddy sends it on as %5C, which is part of a name.
    backslashStatus: 404,
    // As it was; newer versions mark it.
    compressedTag: /^"[^"]+"$/,
  },
]

for (const kind of kinds.filter(({ isInstalled }) => isInstalled))
  describe(`behind ${kind.name}`, () => {
    let service: Awaited<ReturnType<typeof startService>>
    let proxy: Proxy
    let port: number

    beforeAll(async () => {
      // With a database of its own: addresses are counted there.
      service = await startService({
        BETTER_AUTH_SECRET: SECRET,
        TRUST_PROXY: 'true',
        AUTH_RATE_LIMIT: String(GUESSES),
        METRICS_TOKEN: 'a token for metrics, longer than 32 characters',
      })
      await service.ready()
      proxy = await kind.start(service.port)
      port = Number(new URL(proxy.url).port)
    }, 60_000)
    afterAll(async () => {
      await proxy.remove()
      service.signal('SIGINT')
      await service.exited
    }, 30_000)

    const authorization = `Bearer ${tokenFor(crypto.randomUUID())}`
    const send = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
      fetch(proxy.url + path, {
        method,
        headers: { authorization, 'content-type': 'application/json', ...headers },
        body: body === undefined ? null : JSON.stringify(body),
      })

    test('the tag of a compressed answer names the version, in If-Match and in If-None-Match', async () => {
      const created = await send('POST', '/api/tasks', {}, { title: 'A', description: LONG })
      const path = created.headers.get('location') ?? ''
      const read = await send('GET', path, { 'accept-encoding': 'gzip' })
      const etag = read.headers.get('etag') ?? ''
      expect(read.headers.get('content-encoding')).toBe('gzip')
      expect(await read.json()).toMatchObject({ description: LONG })
      expect(etag).toMatch(kind.compressedTag)

      const again = await send('GET', path, { 'accept-encoding': 'gzip', 'if-none-match': etag })
      expect(again.status).toBe(304)
      const change = { title: 'B' }
      expect((await send('PATCH', path, { 'if-match': etag }, change)).status).toBe(200)
      expect((await send('PATCH', path, { 'if-match': etag }, change)).status).toBe(412)
    })

    test("a client's address is what the proxy saw, whatever the client says", async () => {
      const guess = (from: string) =>
        send(
          'POST',
          '/api/auth/login',
          { 'x-forwarded-for': from },
          { email: newEmail(), password: PASSWORD },
        )
      const statuses = []
      for (let time = 0; time <= GUESSES; time += 1) statuses.push((await guess(`203.0.113.${time}`)).status)
      expect(statuses).toEqual([...Array(GUESSES).fill(401), 429])
      // From another address, as the service sees it, there are as many again.
      const elsewhere = await fetch(`${service.url}/api/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': '203.0.113.1' },
        body: JSON.stringify({ email: newEmail(), password: PASSWORD }),
      })
      expect(elsewhere.status).toBe(401)
    })

    test('a backslash is no slash: what is hidden behind one is not reached', async () => {
      const paths = ['/api\\auth/login', '/x\\..\\metrics', '/x\\..\\api/tasks', '\\api\\tasks']
      for (const path of paths) {
        const lines = `Host: 127.0.0.1:${port}\r\nAuthorization: ${authorization}\r\nContent-Length: 2\r\nConnection: close`
        const answer = await exchange(port, `POST ${path} HTTP/1.1\r\n${lines}\r\n\r\n{}`)
        const expected = path.startsWith('\\') ? 400 : kind.backslashStatus
        expect([path, answer.status]).toEqual([path, expected])
      }
    })

    test('requests of one client follow each other on one connection', async () => {
      const connection = new HttpConnection(proxy.url)
      for (let time = 0; time < 20; time += 1) {
        const request = { method: 'POST', path: '/api/tasks', headers: { Authorization: authorization } }
        const answer = await connection.send({ ...request, body: { title: `${time}` } }, 30_000)
        expect([answer.status, answer.headers.connection ?? 'keep-alive']).toEqual([201, 'keep-alive'])
      }
      connection.close()
    })

    test('a chunked body with trailers, and one with a line break after it, are stored and answered so', async () => {
      const head = `Host: 127.0.0.1:${port}\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\n`
      const task = '{"title":"A"}'
      const chunked = `Transfer-Encoding: chunked\r\n\r\n${task.length.toString(16)}\r\n${task}\r\n0\r\nX-Sum: 1\r\n\r\n`
      const counted = `Content-Length: ${task.length}\r\n\r\n${task}\r\n`
      for (const body of [chunked, counted])
        expect((await exchange(port, `POST /api/tasks HTTP/1.1\r\n${head}${body}`)).status).toBe(201)
    })

    test('Expect: 100-Continue, as the JDK writes it, is answered by the proxy', async () => {
      const head = `Host: 127.0.0.1:${port}\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\n`
      const lines = `${head}Content-Length: 13\r\nExpect: 100-Continue\r\nConnection: close\r\n\r\n`
      const answer = await exchange(port, `POST /api/tasks HTTP/1.1\r\n${lines}`, '{"title":"A"}')
      expect([answer.status, answer.body.split('\r\n')[0]]).toEqual([100, 'HTTP/1.1 201 Created'])
    })
  })
