import { describe, expect, test } from 'bun:test'
import { newUserId, SECRET, tokenFor } from '../support/api.ts'
import { clientFor } from '../support/client.ts'
import { someDatabase } from '../support/engines.ts'
import { HttpConnection } from '../support/http-connection.ts'
import { freePort } from '../support/ports.ts'
import { findPostgres, startPostgres } from '../support/postgres.ts'
import { type Service, startService } from '../support/process.ts'
import { until } from '../support/until.ts'

const waitForLine = (service: Service, text: string): Promise<void> =>
  until(() => service.log.some((line) => line.includes(text)))

test('from SIGTERM on every answer is the last of its connection, so that no client sends into one that closes', async () => {
  const service = await startService({
    ...someDatabase(),
    BETTER_AUTH_SECRET: SECRET,
    SHUTDOWN_TIMEOUT_MS: '60000',
  })
  await service.ready()
  const authorization = `Bearer ${tokenFor(newUserId())}`
  const preflight = { Origin: 'http://localhost:3000', 'Access-Control-Request-Method': 'PUT' }
  const requests = [
    ['GET', '/health', {}, 200],
    ['GET', '/api/tasks', { Authorization: authorization }, 200],
    ['POST', '/api/tasks', { Authorization: authorization }, 201],
    ['GET', '/api/tasks', {}, 401],
    ['GET', '/nowhere', {}, 404],
    ['OPTIONS', '/api/tasks', preflight, 204],
    ['OPTIONS', '/api/tasks', { ...preflight, Origin: 'https://evil.example' }, 204],
    ['GET', '/openapi.json', {}, 200],
  ] as const
  const kept = requests.map(() => new HttpConnection(service.url))
  const sendAll = () =>
    Promise.all(
      requests.map(async ([method, path, headers], index) => {
        const body = method === 'POST' ? { title: 'A' } : undefined
        return kept[index]?.send({ method, path, headers, body }, 30_000)
      }),
    )
  for (const answer of await sendAll()) expect(answer?.headers.connection?.toLowerCase()).not.toBe('close')

  service.signal('SIGTERM')
  await waitForLine(service, 'SIGTERM: stopping')
  const last = await sendAll()
  expect(last.map((answer) => answer?.status)).toEqual(requests.map(([, , , status]) => status))
  expect(last.map((answer) => answer?.headers.connection?.toLowerCase())).toEqual(requests.map(() => 'close'))
  expect(await service.exited).toBe(0)
}, 60_000)

test('a request that waits for the start is answered when the service stops meanwhile', async () => {
  const service = await startService({
    DATABASE_URL: `postgres://todo:pw@127.0.0.1:${await freePort()}/todo`,
    BETTER_AUTH_SECRET: SECRET,
    SHUTDOWN_TIMEOUT_MS: '30000',
  })
  const request = {
    method: 'GET',
    path: '/api/tasks',
    headers: { Authorization: `Bearer ${tokenFor('ada')}` },
  }
  const answer = new HttpConnection(service.url).send(request, 20_000)
  service.signal('SIGTERM')
  expect((await answer).status).toBe(503)
  expect(await service.exited).toBe(0)
}, 60_000)

describe.if(findPostgres() !== null)('a request that is not answered while the service stops', () => {
  /** A service with a request under way that waits for a lock. */
  const withRequestUnderWay = async (SHUTDOWN_TIMEOUT_MS: string) => {
    const server = await startPostgres()
    const service = await startService({
      DATABASE_URL: server.url(),
      BETTER_AUTH_SECRET: SECRET,
      DATABASE_TIMEOUT_MS: '60000',
      SHUTDOWN_TIMEOUT_MS,
    })
    await service.ready()
    const lock = server.psql('begin; lock table tasks; select pg_sleep(600)').catch(() => {})
    const isSo = async (condition: string) => (await server.psql(`select count(*) from ${condition}`)) !== '0'
    await until(() => isSo("pg_locks where relation = 'tasks'::regclass and mode = 'AccessExclusiveLock'"))
    clientFor(service.url, 'ada')
      .list()
      .catch(() => {})
    await until(() => isSo("pg_stat_activity where wait_event_type = 'Lock'"))
    return {
      service,
      async [Symbol.asyncDispose]() {
        service.signal('SIGKILL')
        await server.remove()
        await lock
      },
    }
  }

  test('is cut off after SHUTDOWN_TIMEOUT_MS, with exit 1 and how many there were', async () => {
    await using held = await withRequestUnderWay('1000')
    held.service.signal('SIGTERM')
    expect(await held.service.exited).toBe(1)
    expect(held.service.log.at(-1)).toContain('not stopped within SHUTDOWN_TIMEOUT_MS, cut off: 1 request')
  }, 60_000)

  test('is cut off at once by a second signal', async () => {
    await using held = await withRequestUnderWay('600000')
    held.service.signal('SIGTERM')
    await waitForLine(held.service, 'SIGTERM: stopping')
    held.service.signal('SIGINT')
    expect(await held.service.exited).toBe(1)
    expect(held.service.log.at(-1)).toContain('SIGINT again: stopping at once')
  }, 60_000)
})
