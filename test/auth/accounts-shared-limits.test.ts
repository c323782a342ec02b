import { afterEach, describe, expect, setSystemTime, spyOn, test } from 'bun:test'
import { localRateLimiter, sharedRateLimiter } from '../../src/auth/rate-limit.ts'
import {
  accountsOn,
  allowSlowHashes,
  newAddress,
  PASSWORD,
  storeAccount,
  WRONG_PASSWORD,
} from '../support/accounts.ts'
import { engines } from '../support/engines.ts'
import { findPostgres, startPostgres } from '../support/postgres.ts'
import { startService } from '../support/process.ts'
import { until } from '../support/until.ts'

allowSlowHashes()

afterEach(() => {
  setSystemTime()
})

for (const engine of engines().filter(({ isServer }) => isServer))
  describe(`limits on ${engine.name}`, () => {
    test('are shared by two apps: what one has counted, the other refuses', async () => {
      const [one, other] = [accountsOn(engine), accountsOn(engine)]
      const from = newAddress()
      const statuses = []
      for (let count = 0; count < 22; count++)
        statuses.push((await (count % 2 ? one : other).logIn({}, { from })).status)
      expect(statuses).toEqual([...Array(20).fill(400), 429, 429])
    })

    test('hold for the sum of what comes to two apps at the same moment', async () => {
      const apps = [accountsOn(engine), accountsOn(engine)]
      const from = newAddress()
      const requests = Array.from({ length: 50 }, (_, index) => apps[index % 2]?.signUp({}, { from }))
      const statuses = (await Promise.all(requests)).map((answer) => answer?.status).sort()
      expect(statuses).toEqual([...Array(20).fill(400), ...Array(30).fill(429)])
    })

    test('of failed logins are shared, too, and not forgotten by a restart', async () => {
      const { email } = await storeAccount(engine)
      const apps = [accountsOn(engine), accountsOn(engine)]
      const from = newAddress()
      const guess = { email, password: WRONG_PASSWORD }
      const guesses = Array.from({ length: 16 }, (_, index) => apps[index % 2]?.logIn(guess, { from }))
      const statuses = (await Promise.all(guesses)).map((answer) => answer?.status).sort()
      expect(statuses).toEqual([...Array(10).fill(401), ...Array(6).fill(429)])

      const restarted = await accountsOn(engine).logIn({ email, password: PASSWORD }, { from })
      expect(restarted.status).toBe(429)
      expect(Number(restarted.headers.get('retry-after'))).toBeGreaterThan(800)
    })

    test('leave nothing behind: expired counts are swept when others come', async () => {
      const { run } = engine.database
      const name = `swept-${crypto.randomUUID()}`
      const limit = sharedRateLimiter(engine.database)({ name, points: 1, windowSeconds: 60 })
      await limit.consume('someone')
      const kept = () => run((sql) => sql`select 1 from rate_limits where key like ${`${name}%`}`)
      expect(await kept()).toHaveLength(1)
      setSystemTime(Date.now() + 61_000)
      const clock = spyOn(performance, 'now').mockReturnValueOnce(performance.now() - 11 * 60_000)
      const madeLongAgo = sharedRateLimiter(engine.database)
      clock.mockRestore()
      await madeLongAgo({ name: `${name}-later`, points: 1, windowSeconds: 60 }).consume('another')
      await until(async () => (await kept()).length <= 1)
      expect(await run((sql) => sql`select key from rate_limits where key like ${`${name}%`}`)).toEqual([
        { key: `${name}-later:another` },
      ])
    })

    test('say nothing of emails in what is stored', async () => {
      const { email } = await storeAccount(engine)
      await accountsOn(engine).logIn({ email, password: WRONG_PASSWORD })
      const { run } = engine.database
      expect(await run((sql) => sql`select 1 from rate_limits where key ilike ${`%${email}%`}`)).toEqual([])
    })
  })

describe('limits on the embedded database', () => {
  for (const engine of engines().filter(({ isServer }) => !isServer))
    test('are in memory: the database stores none', async () => {
      const from = newAddress()
      await accountsOn(engine).logIn({}, { from })
      const { run } = engine.database
      expect(await run((sql) => sql`select key from rate_limits`)).toEqual([])
    })

  test('do not mix what has different names', async () => {
    const limitOf = (name: string) => localRateLimiter({ name, points: 1, windowSeconds: 60 })
    const [one, other] = [limitOf('one'), limitOf('other')]
    await one.consume('key')
    await other.consume('key')
    expect(one.consume('key')).rejects.toMatchObject({ code: 'rate_limited' })
  })
})

if (findPostgres())
  test('limits of two processes on one PostgreSQL hold for their sum, and after both were killed and started anew', async () => {
    await using server = await startPostgres()
    const env = {
      DATABASE_URL: await server.createDatabase(),
      BETTER_AUTH_SECRET: 'a-secret-that-only-this-test-knows-01234567',
      TRUST_PROXY: 'true',
      LOG_LEVEL: 'warn',
    }
    const from = newAddress()
    const logIn = async (url: string) => {
      const headers = { 'x-forwarded-for': from, 'content-type': 'application/json' }
      const answer = await fetch(`${url}/api/auth/login`, { method: 'POST', headers, body: '{}' })
      await answer.arrayBuffer()
      return answer.status
    }
    const startBoth = async () => {
      const services = await Promise.all([startService(env), startService(env)])
      for (const service of services) await service.ready()
      return services
    }
    {
      const services = await startBoth()
      const requests = Array.from({ length: 24 }, (_, index) => logIn(services[index % 2]?.url ?? ''))
      const statuses = (await Promise.all(requests)).sort()
      expect(statuses).toEqual([...Array(20).fill(400), ...Array(4).fill(429)])
      for (const service of services) service.signal('SIGKILL')
      await Promise.all(services.map(({ exited }) => exited))
    }
    const [one, other] = await startBoth()
    expect([await logIn(one.url), await logIn(other.url)]).toEqual([429, 429])
    await Promise.all([one.stop(), other.stop()])
  })
