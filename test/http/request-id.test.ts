import { expect, test } from 'bun:test'
import { describeApi, newUserId } from '../support/api.ts'

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/

describeApi('X-Request-Id', ({ send, logged }) => {
  const user = newUserId()
  const requests: [string, string, object, number][] = [
    ['GET', '/health', {}, 200],
    ['GET', '/nowhere', {}, 404],
    ['PUT', '/health', {}, 405],
    ['GET', '/api/tasks', {}, 401],
    ['GET', '/api/tasks', { as: user }, 200],
    ['GET', '/api/nobody/tasks', { as: user }, 403],
    ['DELETE', '/api/tasks', { as: user }, 405],
    ['POST', '/api/tasks', { as: user, body: { title: 'A' } }, 201],
    ['POST', '/api/tasks', { as: user, body: '{}' }, 415],
    ['POST', '/api/tasks', { as: user, body: { title: '' } }, 400],
    ['POST', '/api/tasks', { as: user, body: { x: 'x'.repeat(70_000) } }, 413],
    ['HEAD', '/api/tasks', { as: user }, 200],
  ]
  const preflight: Record<string, string> = {
    origin: 'http://localhost:3000',
    'access-control-request-method': 'POST',
  }

  test('is the client’s when it is 1–128 of A-Z a-z 0-9 . _ -, on every answer', async () => {
    for (const id of ['x', 'A-Za_z.09', '-', '0'.repeat(128)]) {
      for (const [method, path, options, status] of requests) {
        const answer = await send(method, path, { ...options, headers: { 'x-request-id': id } })
        expect([path, answer.status, answer.headers.get('x-request-id')]).toEqual([path, status, id])
        if (status >= 400) expect(answer.json.request_id).toBe(id)
      }
      const headers = { ...preflight, 'x-request-id': id }
      expect((await send('OPTIONS', '/api/tasks', { headers })).headers.get('x-request-id')).toBe(id)
    }
  })

  test('is a new one otherwise, different each time', async () => {
    const ids = new Set<string>()
    const unusable = ['', 'x'.repeat(129), 'a b', 'a/b', 'é', 'a,b', 'x;y', '<x>', '"x"', 'a:b', 'a@b']
    for (const id of [undefined, ...unusable])
      for (const [method, path, options] of requests.slice(0, 6)) {
        const headers: Record<string, string> = id === undefined ? {} : { 'x-request-id': id }
        const given = (await send(method, path, { ...options, headers })).headers.get('x-request-id') ?? ''
        expect(given).toMatch(UUID)
        ids.add(given)
      }
    expect((await send('OPTIONS', '/api/tasks', { headers: preflight })).headers.get('x-request-id')).toMatch(
      UUID,
    )
    expect(ids.size).toBe((unusable.length + 1) * 6)
  })

  test('stands in the log’s line of the request', async () => {
    const id = crypto.randomUUID()
    await send('GET', '/api/tasks', { as: user, headers: { 'x-request-id': id } })
    expect(logged().filter(({ request_id }) => request_id === id)).toEqual([
      expect.objectContaining({
        message: 'request',
        method: 'GET',
        route: '/api/tasks',
        status: 200,
        user_id: user,
      }),
    ])
  })
})
