import { expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { describeApi, newUserId } from '../support/api.ts'

const partsOf = (headers: Headers) =>
  headers
    .get('server-timing')
    ?.split(', ')
    .map((part) => part.replace(/;dur=\d+\.\d{3}$/, ''))

describeApi(
  'Server-Timing, where it is wanted,',
  ({ send }) => {
    test('tells how long the token, the database and all of a request took', async () => {
      const as = newUserId()
      const created = await send('POST', '/api/tasks', { as, body: { title: 'Buy milk' } })
      expect(partsOf(created.headers)).toEqual(['auth', 'db', 'total'])
    })

    test('leaves out what a request had no need of', async () => {
      const refused = await send('GET', '/api/tasks')
      expect(partsOf(refused.headers)).toEqual(['total'])
      const invalid = await send('GET', '/api/tasks/x', { as: newUserId() })
      expect(partsOf(invalid.headers)).toEqual(['auth', 'total'])
    })

    test('keeps the times of requests at the same moment apart', async () => {
      const as = newUserId()
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, index) => send('GET', index % 2 ? '/api/tasks' : '/health', { as })),
      )
      for (const [index, { headers }] of all.entries())
        expect(partsOf(headers)).toEqual(index % 2 ? ['auth', 'db', 'total'] : ['total'])
    })
  },
  { serverTiming: true },
)

describeApi('Server-Timing', ({ send }) => {
  test('is told in development, and elsewhere only on request', async () => {
    expect((await send('GET', '/health')).headers.get('server-timing')).toBeNull()
    expect(loadConfig({ ENVIRONMENT: 'development' }).serverTiming).toBe(true)
    expect(loadConfig({ ENVIRONMENT: 'staging' }).serverTiming).toBe(false)
    expect(loadConfig({ ENVIRONMENT: 'staging', SERVER_TIMING: 'true' }).serverTiming).toBe(true)
  })
})
