import { expect, spyOn, test } from 'bun:test'
import packageJson from '../../package.json' with { type: 'json' }
import { unavailable } from '../../src/errors.ts'
import { apiOn, describeApi } from '../support/api.ts'
import { type Engine, engines } from '../support/engines.ts'
import { expectProblem } from '../support/problem.ts'

describeApi('health', ({ send, engine }) => {
  test('tells that the process is alive, its version and for how many seconds', async () => {
    const answer = await send('GET', '/health')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.json).toEqual({ status: 'ok', version: packageJson.version, uptime_s: expect.any(Number) })
    expect(answer.json.uptime_s).toBeGreaterThanOrEqual(0)
    expect(answer.json.uptime_s).toBeLessThanOrEqual(process.uptime())
  })

  test('is ready when requests can be served', async () => {
    const answer = await send('GET', '/health/ready')
    expect(answer.status).toBe(200)
    expect(answer.json).toEqual({ status: 'ready' })
  })

  test('is not ready, with Retry-After, when they cannot be, or that cannot be found out', async () => {
    const states: (() => Promise<boolean>)[] = [
      async () => false,
      async () => {
        throw unavailable('database: ECONNREFUSED')
      },
      async () => {
        throw new Error('permission denied for schema drizzle')
      },
    ]
    for (const isReady of states) {
      const api = apiOn(engine, {}, { isReady })
      const answer = await api.send('GET', '/health/ready')
      expectProblem(answer, {
        status: 503,
        code: 'unavailable',
        detail: 'The service is temporarily unavailable, try again shortly',
        instance: '/health/ready',
      })
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      expect((await api.send('GET', '/health')).status).toBe(200)
    }
  })
})

test('readiness that cannot be found out is 503 after 2 s', async () => {
  const [engine] = engines()
  const api = apiOn(engine as Engine, {}, { isReady: () => new Promise(() => {}) })
  const sleep = spyOn(Bun, 'sleep').mockResolvedValue(undefined)
  try {
    expect((await api.send('GET', '/health/ready')).status).toBe(503)
    expect(sleep.mock.calls).toEqual([[2000]])
  } finally {
    sleep.mockRestore()
  }
})

test('of very many who ask whether it is ready some share a look, and later ones have their own', async () => {
  const [engine] = engines()
  const looks: PromiseWithResolvers<boolean>[] = []
  const api = apiOn(
    engine as Engine,
    {},
    {
      isReady: () => {
        const look = Promise.withResolvers<boolean>()
        looks.push(look)
        return look.promise
      },
    },
  )
  const askAll = () => Promise.all(Array.from({ length: 100 }, () => api.send('GET', '/health/ready')))
  const first = askAll()
  while (looks.length === 0) await Bun.sleep(1)
  await Bun.sleep(50)
  expect(looks).toHaveLength(16)
  for (const look of looks.splice(0)) look.resolve(true)
  expect((await first).every(({ status }) => status === 200)).toBe(true)
  const second = api.send('GET', '/health/ready')
  while (looks.length === 0) await Bun.sleep(1)
  looks[0]?.resolve(false)
  expect((await second).status).toBe(503)
})
