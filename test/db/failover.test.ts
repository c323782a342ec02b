import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { databaseSource } from '../../src/db/source.ts'
import { AppError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

/** Two servers and one address, which leads to one and then to the other, as in a failover without a pooler. */

const log = createLog({ level: 'silent', format: 'json' })

const reasonOf = (error: unknown): string =>
  error instanceof AppError ? `${error.code}: ${error.reason}` : String(error)

const READ_ONLY = 'unavailable: database: 25006'
const HAS_TURNED = 'unavailable: the server has become read-only'

describe.if(findPostgres() !== null)('a failover', () => {
  let old: PostgresServer
  let next: PostgresServer
  let proxy: TcpProxy
  let opened: number
  const databases: Database[] = []

  const databaseWith = (max: number, timeoutMs = 5000): Database => {
    const config = loadConfig({ DATABASE_URL: proxy.url(old.url()), DATABASE_TIMEOUT_MS: String(timeoutMs) })
    const source = databaseSource(config, log)
    opened = 0
    const connect = () => {
      opened += 1
      return source.connect()
    }
    const database = createDatabase({ connect, max, timeoutMs, maxPending: 100, log })
    database.open()
    databases.push(database)
    return database
  }

  /** Which server answers: its port, or why none does. */
  const read = ({ run }: Database): Promise<string> =>
    run((sql) => sql<[{ port: number }]>`select inet_server_port() as port`).then(
      ([{ port }]) => String(port),
      reasonOf,
    )

  const write = ({ run }: Database): Promise<string> =>
    run(
      (sql) =>
        sql<[{ port: number }]>`insert into writes default values returning inet_server_port() as port`,
    ).then(([{ port }]) => String(port), reasonOf)

  /** Has so many connections open and idle. */
  const openAll = ({ run }: Database, count: number) =>
    Promise.all(Array.from({ length: count }, () => run((sql) => sql`select pg_sleep(0.1)`)))

  const setReadOnly = async (server: PostgresServer, value: 'on' | 'off') => {
    await server.psql(`alter system set default_transaction_read_only = ${value}`)
    await server.psql('select pg_reload_conf()')
    await until(async () => (await server.psql('show default_transaction_read_only')) === value)
    // Each session is told by a signal.
    await Bun.sleep(100)
  }

  beforeAll(async () => {
    old = await startPostgres()
    next = await startPostgres()
    for (const server of [old, next])
      await server.psql(
        'create table writes (); grant all on writes to todo; grant all on schema public to todo',
      )
    proxy = await startTcpProxy(old)
  })
  afterEach(async () => {
    for (const database of databases.splice(0)) await database.close()
    await setReadOnly(old, 'off')
    await proxy.pass()
    proxy.repoint(old)
  })
  afterAll(async () => {
    await proxy.close()
    await old.remove()
    await next.remove()
  })

  test('is noticed by a write, and no connection to the old server is used after it', async () => {
    const database = databaseWith(4)
    await openAll(database, 4)
    await setReadOnly(old, 'on')
    proxy.repoint(next)
    expect([READ_ONLY, HAS_TURNED]).toContain(await write(database))
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? write : read)(database)))
    expect(new Set(outcomes)).toEqual(new Set([String(next.port)]))
  })

  test('is noticed by reads alone, which never show what the old server has', async () => {
    const database = databaseWith(4)
    await openAll(database, 4)
    await setReadOnly(old, 'on')
    proxy.repoint(next)
    expect(await read(database)).toBe(HAS_TURNED)
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => read(database)))
    expect(new Set(outcomes)).toEqual(new Set([String(next.port)]))
  })

  test('is noticed as well when the old server was read-only for a while, by reads and by writes', async () => {
    for (const use of [read, write]) {
      await setReadOnly(old, 'on')
      proxy.repoint(old)
      const database = databaseWith(4)
      await Promise.all([1, 2, 3, 4].map(() => read(database)))
      expect(await read(database)).toBe(String(old.port))
      expect(await write(database)).toBe(READ_ONLY)
      proxy.repoint(next)
      await until(async () => (await use(database)) === String(next.port))
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => read(database)))
      expect(new Set(outcomes)).toEqual(new Set([String(next.port)]))
    }
  }, 30_000)

  test('is not undone by a connection to the old server that comes late', async () => {
    await setReadOnly(old, 'on')
    proxy.repoint(next)
    const database = databaseWith(2)
    expect(await read(database)).toBe(String(next.port))
    proxy.repoint(old)
    const slow = database.run((sql) => sql`select pg_sleep(0.5)`)
    const answers = await Promise.all([1, 2, 3].map(() => read(database)))
    expect([opened, ...answers]).toEqual([2, ...Array(3).fill(String(next.port))])
    await slow
  }, 30_000)

  test('that is none, of a database that is read-only on purpose, costs few connections and no reads', async () => {
    await setReadOnly(old, 'on')
    const database = databaseWith(2)
    await read(database)
    const before = opened
    const reads = new Set<string>()
    const endsAt = performance.now() + 2000
    let writes = 0
    while (performance.now() < endsAt) {
      expect(await write(database)).toBe(READ_ONLY)
      reads.add(await read(database))
      writes += 1
    }
    expect(reads).toEqual(new Set([String(old.port)]))
    expect(writes).toBeGreaterThan(50)
    expect(opened - before).toBeLessThan(20)
    await setReadOnly(old, 'off')
    await until(async () => (await write(database)) === String(old.port))
  }, 30_000)

  test('loses no write that was answered: one that did not wait for the standby is unavailable', async () => {
    const database = databaseWith(1)
    const backend = async () => (await database.run((sql) => sql`select pg_backend_pid() as pid`))[0]?.pid
    const before = await backend()
    await old.psql(`alter system set synchronous_standby_names = 'nobody'`)
    await old.psql('select pg_reload_conf()')
    try {
      let outcome: Promise<string> | undefined
      const waiting = `from pg_stat_activity where wait_event = 'SyncRep'`
      // The server takes a moment to begin to wait: until then it answers.
      await until(async () => {
        outcome ??= database
          .run(
            (sql) => sql`
              with set as (select set_config('synchronous_commit', 'on', true)) insert into writes select from set`,
          )
          .then(() => (outcome = undefined))
          .then(() => 'answered', reasonOf)
        return (await old.psql(`select count(*) ${waiting}`)) === '1'
      })
      await old.psql(`select pg_cancel_backend(pid) ${waiting}`)
      expect(await outcome).toBe('unavailable: a write did not wait for the standby')
      expect(await backend()).not.toBe(before)
    } finally {
      await old.psql('alter system reset synchronous_standby_names')
      await old.psql('select pg_reload_conf()')
    }
  })
})
