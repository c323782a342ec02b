import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { databaseSource } from '../../src/db/source.ts'
import { AppError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

/** A network that loses every packet for a while tells nobody; what lived through it stays dead. */

const log = createLog({ level: 'silent', format: 'json' })

const outcomeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'answered',
    (error) => (error instanceof AppError ? `${error.code}: ${error.reason}` : String(error)),
  )

const TOO_LATE = 'unavailable: the database did not answer in time'

describe.if(findPostgres() !== null)('connections that died silently', () => {
  let server: PostgresServer
  let proxy: TcpProxy
  const databases: Database[] = []

  const databaseWith = (max: number, timeoutMs: number): Database => {
    const config = loadConfig({ DATABASE_URL: proxy.url(server.url()), DATABASE_TIMEOUT_MS: '5000' })
    const { connect } = databaseSource(config, log)
    const database = createDatabase({ connect, max, timeoutMs, maxPending: 100, log })
    database.open()
    databases.push(database)
    return database
  }

  const ask = ({ run }: Database) => outcomeOf(run((sql) => sql`select 1`))

  /** Has so many connections open and idle. */
  const openAll = ({ run }: Database, count: number) =>
    Promise.all(Array.from({ length: count }, () => run((sql) => sql`select pg_sleep(0.1)`)))

  beforeAll(async () => {
    server = await startPostgres()
    proxy = await startTcpProxy({ host: '127.0.0.1', port: server.port })
  })
  afterEach(async () => {
    for (const database of databases.splice(0)) await database.close()
    await proxy.pass()
  })
  afterAll(async () => {
    await proxy.close()
    await server.remove()
  })

  test('cost one request, and then those beside it are not used before they have answered', async () => {
    const database = databaseWith(4, 4000)
    await openAll(database, 4)
    proxy.blackHole()
    await proxy.pass()
    const first = ask(database)
    // Silence is noticed after two looks, half a second apart.
    await Bun.sleep(1500)
    expect(await Promise.all(Array.from({ length: 20 }, () => ask(database)))).toEqual(
      Array(20).fill('answered'),
    )
    expect(await first).toBe(TOO_LATE)
  }, 20_000)

  test('give their places to new ones', async () => {
    const database = databaseWith(2, 1000)
    await openAll(database, 2)
    proxy.blackHole()
    await proxy.pass()
    expect(await Promise.all([ask(database), ask(database)])).toEqual([TOO_LATE, TOO_LATE])
    await until(async () => (await ask(database)) === 'answered')
    await openAll(database, 2)
    const statements = Array.from({ length: 2 }, () =>
      database.run((sql) => sql`select pg_backend_pid() as pid, pg_sleep(0.1)`),
    )
    expect(new Set((await Promise.all(statements)).map(([row]) => row?.pid)).size).toBe(2)
  }, 20_000)

  test('while they were being made do not hold up the next attempt', async () => {
    const database = databaseWith(1, 4000)
    proxy.blackHole()
    const first = ask(database)
    await Bun.sleep(100)
    await proxy.pass()
    // The attempt that began in the hole takes 5 s, which this statement does not have.
    expect(await first).toBe('answered')
  }, 20_000)

  test('do not make slow ones suspect for longer than an answer takes', async () => {
    const database = databaseWith(2, 4000)
    await openAll(database, 2)
    const backends = () =>
      server.psql(
        `select array_agg(pid order by pid) from pg_stat_activity where application_name = 'todo-backend'`,
      )
    const before = await backends()
    const slow = outcomeOf(database.run((sql) => sql`select pg_sleep(2)`))
    await Bun.sleep(1500)
    expect(await ask(database)).toBe('answered')
    expect(await slow).toBe('answered')
    expect(await backends()).toBe(before)
  }, 20_000)
})
