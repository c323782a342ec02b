import { expect, test } from 'bun:test'
import { newUserId, SECRET, tokenFor } from '../support/api.ts'
import { someDatabase } from '../support/engines.ts'
import { HttpConnection } from '../support/http-connection.ts'
import { startService } from '../support/process.ts'

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
  while (!service.log.some((line) => line.includes('SIGTERM: stopping'))) await Bun.sleep(5)
  const last = await sendAll()
  expect(last.map((answer) => answer?.status)).toEqual(requests.map(([, , , status]) => status))
  expect(last.map((answer) => answer?.headers.connection?.toLowerCase())).toEqual(requests.map(() => 'close'))
  expect(await service.exited).toBe(0)
}, 60_000)
