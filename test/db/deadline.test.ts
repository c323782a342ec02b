import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { AsyncResource } from 'node:async_hooks'
import { loadConfig } from '../../src/config.ts'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { databaseSource } from '../../src/db/source.ts'
import { AppError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { apiOn, newUserId } from '../support/api.ts'
import { engines } from '../support/engines.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

const log = createLog({ level: 'silent', format: 'json' })

/** What a promise was rejected with. */
const refusal = async (promise: Promise<unknown>): Promise<AppError> => {
  try {
    await promise
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('it was not refused')
}

// The embedded engine can neither cancel nor be suspended.
describe.if(findPostgres() !== null)('a statement', () => {
  let server: PostgresServer
  const databases: Database[] = []

  const databaseWith = (timeoutMs: number, maxPending: number, url = server.url()): Database => {
    const config = loadConfig({ DATABASE_URL: url, DATABASE_TIMEOUT_MS: String(timeoutMs) })
    const source = databaseSource(config, log)
    const database = createDatabase({
      connect: source.connect,
      max: 2,
      timeoutMs,
      maxPending,
      log,
    })
    database.open()
    databases.push(database)
    return database
  }

  /** Whether `select pg_sleep` with this number runs: each test has its own. */
  const runs = async (seconds: number): Promise<boolean> => {
    const active = await server.psql(
      `select count(*) from pg_stat_activity where state = 'active' and query = 'select pg_sleep(${seconds})'`,
    )
    return active !== '0'
  }

  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(async () => {
    for (const database of databases) await database.close()
    await server.remove()
  })

  test('that takes too long is unavailable, and is cancelled on the server', async () => {
    const { run, stats } = databaseWith(300, 10)
    const { code, reason, headers } = await refusal(run((sql) => sql`select pg_sleep(60)`))
    expect({ code, reason, headers }).toEqual({
      code: 'unavailable',
      reason: 'the database did not answer in time',
      headers: { 'retry-after': '1' },
    })
    await until(async () => !(await runs(60)))
    expect(stats()).toEqual({ running: 0, waiting: 0, refused: 0, expired: 1 })
  })

  test('that waits behind such a one on its connection is cancelled, too', async () => {
    const { run } = databaseWith(300, 10)
    const sleep = () => refusal(run((sql) => sql`select pg_sleep(61)`))
    await Promise.all(Array.from({ length: 6 }, sleep))
    await until(async () => !(await runs(61)))
  }, 60_000)

  test('and those behind it are cancelled, however long the server takes for each', async () => {
    await using proxy = await startTcpProxy(server)
    const { run } = databaseWith(2000, 10, proxy.url(server.url()))
    await Promise.all([1, 2].map(() => run((sql) => sql`select pg_sleep(0.1)`)))
    proxy.delay(400)
    const sleep = () => refusal(run((sql) => sql`select pg_sleep(62)`))
    await Promise.all(Array.from({ length: 8 }, sleep))
    await until(async () => !(await runs(62)))
  }, 60_000)

  test('is cancelled although the request to cancel it has overtaken it', async () => {
    await using proxy = await startTcpProxy(server)
    const { run } = databaseWith(1000, 10, proxy.url(server.url()))
    await run((sql) => sql`select 1`)
    proxy.delay(1500)
    const refused = refusal(run((sql) => sql`select pg_sleep(63)`))
    await Bun.sleep(200)
    // The statement is on its way, and what is sent from now on arrives at once.
    await proxy.pass()
    await refused
    await Bun.sleep(1500)
    await until(async () => !(await runs(63)))
  }, 60_000)

  test('beyond those that may wait is refused at once, and those that wait are not harmed', async () => {
    const { run, stats } = databaseWith(10_000, 9)
    // Two connections are there.
    await Promise.all([1, 2].map(() => run((sql) => sql`select pg_sleep(0.1)`)))
    const numbers = Array.from({ length: 9 }, (_, index) => index)
    const admitted = numbers.map((number) =>
      run((sql) => sql`select ${number}::int as number, pg_sleep(0.1)`),
    )
    expect(stats()).toEqual({ running: 8, waiting: 1, refused: 0, expired: 0 })
    const { code, reason } = await refusal((async () => run((sql) => sql`select 4`))())
    expect({ code, reason }).toEqual({
      code: 'unavailable',
      reason: 'too many statements are waiting for the database',
    })
    expect((await Promise.all(admitted)).map(([row]) => row?.number)).toEqual(numbers)
    expect(stats()).toEqual({ running: 0, waiting: 0, refused: 1, expired: 0 })
  })

  test('of a server that hangs is unavailable, and the next ones go over new connections', async () => {
    const { run } = databaseWith(3000, 10)
    await run((sql) => sql`select 1`)
    server.suspend()
    const { code } = await refusal(run((sql) => sql`select 2`))
    expect(code).toBe('unavailable')
    server.resume()
    let answer: readonly Record<string, unknown>[] | undefined
    await until(async () => {
      answer = await run((sql) => sql`select 3 as number`).catch(() => undefined)
      return answer !== undefined
    })
    expect([...(answer ?? [])]).toEqual([{ number: 3 }])
  })

  test('has only the time that those before it in its request have left', async () => {
    const { run, inRequest, stats } = databaseWith(2000, 10)
    const sleep = (seconds: number) => run((sql) => sql`select pg_sleep(${seconds})`)
    const outside = new AsyncResource('outside of the request')
    const givenUp: string[] = []
    const lateOf = async (name: string, promise: Promise<unknown>) => {
      const { reason } = await refusal(promise)
      givenUp.push(name)
      expect(reason).toBe('the database did not answer in time')
    }
    await Promise.all([sleep(1.2), sleep(1.2)])
    await inRequest(async () => {
      await sleep(1.2)
      const earlier = lateOf('an earlier one', outside.runInAsyncScope(sleep, null, 60))
      await lateOf('one of the request', sleep(60))
      await earlier
      await lateOf('one when no time is left', (async () => sleep(0))())
    })
    expect(givenUp).toEqual(['one of the request', 'an earlier one', 'one when no time is left'])
    expect(stats()).toEqual({ running: 0, waiting: 0, refused: 0, expired: 3 })
  }, 30_000)

  test('and all others of an HTTP request have the time of one together', async () => {
    const engine = engines().find(({ isServer }) => isServer)
    if (!engine) throw new Error('no server')
    const database = databaseWith(3000, 10, engine.env.DATABASE_URL)
    const slow: Database = {
      ...database,
      async run(statement, owner, weight) {
        await database.run((sql) => sql`select pg_sleep(1.8)`)
        return database.run(statement, owner, weight)
      },
    }
    const quick = apiOn(engine, {}, { database })
    const api = apiOn(engine, {}, { database: slow })
    const as = newUserId()
    const { json: task } = await quick.send('POST', '/api/tasks', { as, body: { title: 'Buy milk' } })
    const path = `/api/tasks/${task.id}`
    expect((await api.send('GET', path, { as })).status).toBe(200)
    // The change, and then a look at the task for the reason why it was refused.
    const stale = { as, body: { title: 'Buy bread' }, headers: { 'if-match': '"1"' } }
    expect((await quick.send('PATCH', path, stale)).status).toBe(412)
    expect((await api.send('PATCH', path, stale)).status).toBe(503)
  }, 30_000)
})
