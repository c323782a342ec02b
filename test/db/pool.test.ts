import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { createDatabase, type Database, type DatabaseOptions } from '../../src/db/database.ts'
import { databaseSource } from '../../src/db/source.ts'
import { AppError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

const log = createLog({ level: 'silent', format: 'json' })

const outcomeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'answered',
    (error) => (error instanceof AppError ? `${error.code}: ${error.reason}` : String(error)),
  )

describe.if(findPostgres() !== null)('connections', () => {
  let server: PostgresServer
  let proxy: TcpProxy
  const databases: Database[] = []

  const databaseWith = (options: Partial<DatabaseOptions>, url = proxy.url(server.url())): Database => {
    const { connect } = databaseSource(loadConfig({ DATABASE_URL: url, DATABASE_TIMEOUT_MS: '3000' }), log)
    const database = createDatabase({ connect, max: 2, timeoutMs: 3000, maxPending: 100, log, ...options })
    database.open()
    databases.push(database)
    return database
  }

  const backendOf = async ({ run }: Database): Promise<number> => {
    const [row] = await run((sql) => sql<[{ pid: number }]>`select pg_backend_pid() as pid`)
    return row.pid
  }

  /** What is sent when all connections are there is sent at once. */
  const openAll = ({ run }: Database, count: number) =>
    Promise.all(Array.from({ length: count }, () => run((sql) => sql`select pg_sleep(0.05)`)))

  const countOf = async (state: string) =>
    Number(await server.psql(`select count(*) from pg_stat_activity where ${state}`))

  beforeAll(async () => {
    server = await startPostgres()
    proxy = await startTcpProxy({ host: '127.0.0.1', port: server.port })
  })
  afterAll(async () => {
    for (const database of databases) await database.close()
    await proxy.close()
    await server.remove()
  })

  test('are as many as are needed, and not more than the maximum', async () => {
    const database = databaseWith({ max: 3 })
    const ours = `application_name = 'todo-backend'`
    const before = await countOf(ours)
    await openAll(database, 1)
    await openAll(database, 1)
    expect(await countOf(ours)).toBe(before + 1)
    await openAll(database, 50)
    expect(await countOf(ours)).toBe(before + 3)
  })

  test('rest once in 500 statements, however many wait', async () => {
    const database = databaseWith({ max: 1 })
    const startedAtRest: number[] = []
    let count = 0
    const sendMany = async () => {
      for (let n = 0; n < 100; n++)
        await database.run((sql) => {
          if (database.stats().running === 1) startedAtRest.push(count)
          count += 1
          return sql`select 1`
        })
    }
    await Promise.all(Array.from({ length: 16 }, sendMany))
    expect(startedAtRest.slice(0, 4)).toEqual([0, 500, 1000, 1500])
  })

  test('that are not used are closed, and the next statement opens one', async () => {
    const database = databaseWith({ idleMs: 50 })
    const backend = await backendOf(database)
    await until(async () => (await countOf(`pid = ${backend}`)) === 0)
    expect(await backendOf(database)).not.toBe(backend)
  })

  test('that are lost take along what was sent over them, and nothing else', async () => {
    const database = databaseWith({})
    await openAll(database, 2)
    const statements = [1, 2].map((number) =>
      outcomeOf(database.run((sql) => sql`select pg_sleep(0.5), ${number}::int`)),
    )
    const sleeping = `query ~ 'pg_sleep.0.5' and state = 'active' and pid <> pg_backend_pid()`
    await until(async () => (await countOf(sleeping)) === 2)
    await server.psql(`select pg_terminate_backend(min(pid)) from pg_stat_activity where ${sleeping}`)
    const outcomes = await Promise.all(statements)
    expect(outcomes.sort()).toEqual(['answered', 'unavailable: the connection to the database was lost'])
    expect(await Promise.all(Array.from({ length: 20 }, () => outcomeOf(backendOf(database))))).toEqual(
      Array(20).fill('answered'),
    )
  })

  test('that are lost leave those who wait to the next one', async () => {
    const database = databaseWith({ max: 1, timeoutMs: 10_000 })
    const backend = await backendOf(database)
    // Four are sent over the one connection, and the fifth waits.
    const sent = Array.from({ length: 4 }, () => outcomeOf(database.run((sql) => sql`select pg_sleep(60)`)))
    const waiting = outcomeOf(database.run((sql) => sql`select 1`))
    expect(database.stats()).toMatchObject({ running: 4, waiting: 1 })
    await until(async () => (await countOf(`pid = ${backend} and wait_event = 'PgSleep'`)) === 1)
    await server.psql(`select pg_terminate_backend(${backend})`)
    expect(await Promise.all(sent)).toEqual(
      Array(4).fill('unavailable: the connection to the database was lost'),
    )
    expect(await waiting).toBe('answered')
  }, 20_000)

  test('that let a statement’s time pass are not used again', async () => {
    const database = databaseWith({ max: 1, timeoutMs: 300 })
    const backend = await backendOf(database)
    expect(await outcomeOf(database.run((sql) => sql`select pg_sleep(60)`))).toBe(
      'unavailable: the database did not answer in time',
    )
    await until(async () => (await countOf(`pid = ${backend}`)) === 0)
    expect(await backendOf(database)).not.toBe(backend)
  })

  test('that cannot be made are told to those who wait, and made again when the server is back', async () => {
    const database = databaseWith({})
    await proxy.refuse()
    const waiting = Array.from({ length: 10 }, () => outcomeOf(backendOf(database)))
    expect(new Set(await Promise.all(waiting))).toEqual(
      new Set(['unavailable: no connection to the database: ECONNREFUSED']),
    )
    await proxy.pass()
    await until(async () => (await outcomeOf(backendOf(database))) === 'answered')
  })

  test('that are closed answer what was sent, and leave nothing waiting', async () => {
    const database = databaseWith({ max: 1 })
    await openAll(database, 1)
    const statements = Array.from({ length: 6 }, () =>
      outcomeOf(database.run((sql) => sql`select pg_sleep(0.02)`)),
    )
    await database.close()
    expect(await Promise.all(statements)).toEqual([
      ...Array(4).fill('answered'),
      ...Array(2).fill('unavailable: the service is stopping'),
    ])
  })
})
