import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { createDatabase } from '../../src/db/database.ts'
import { databaseSource } from '../../src/db/source.ts'
import { describeRefusal } from '../../src/db/sqlstate.ts'
import { createLog } from '../../src/log.ts'
import { type Said, startHostileServer } from '../support/hostile-server.ts'
import { freePort } from '../support/ports.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const log = createLog({ level: 'silent', format: 'json' })

const sourceOf = (DATABASE_URL: string) => databaseSource(loadConfig({ DATABASE_URL }), log)

describe('connecting', () => {
  test.each<[string, Buffer]>([
    ['more than the yes to TLS', Buffer.from('SE')],
    ['more than the no to TLS', Buffer.from('NE')],
    ['an error in place of an answer about TLS', Buffer.from('E\0\0\0\x05x')],
  ])('ends when the server says %s', async (_what, said) => {
    await using server = await startHostileServer([said as Said])
    for (const sslmode of ['prefer', 'require', 'verify-full'])
      expect(
        await sourceOf(server.url(`sslmode=${sslmode}`))
          .connect()
          .catch(describeRefusal),
      ).toBe('PROTOCOL_VIOLATION (PROTOCOL_VIOLATION)')
    expect(server.received()).not.toMatch(/user|todo/)
  })

  test('gives up a step, such as the answer about TLS, after a second', async () => {
    await using server = await startHostileServer([])
    const startedAt = performance.now()
    expect(await sourceOf(server.url('sslmode=require')).connect().catch(describeRefusal)).toBe(
      'CONNECT_TIMEOUT (CONNECT_TIMEOUT)',
    )
    // Far from the 5 s that the whole may take, or the system's 30.
    expect(performance.now() - startedAt).toBeLessThan(4000)
  }, 30_000)

  test('gives up a server that takes the connection and then says nothing', async () => {
    await using server = await startHostileServer([])
    const config = loadConfig({ DATABASE_URL: server.url(), DATABASE_TIMEOUT_MS: '100' })
    expect(await databaseSource(config, log).connect().catch(describeRefusal)).toBe(
      'CONNECT_TIMEOUT (CONNECT_TIMEOUT)',
    )
  }, 30_000)

  test('is tried after a quarter to half a second, however often it has failed', async () => {
    const port = await freePort()
    const { connect } = sourceOf(`postgres://user@127.0.0.1:${port}/todo`)
    const attempts: number[] = []
    const database = createDatabase({
      connect() {
        attempts.push(performance.now())
        return connect()
      },
      max: 2,
      timeoutMs: 5000,
      maxPending: 10,
      log,
    })
    database.open()
    const endsAt = performance.now() + 4000
    while (performance.now() < endsAt) {
      await database.run((sql) => sql`select 1`).catch(() => {})
      await Bun.sleep(5)
    }
    await database.close()
    // Seven or more when none waits for longer than 0.5 s; with pauses that go on doubling, six at 25 ms × 2ⁿ.
    const late = attempts.filter((at) => at > (attempts[0] ?? 0) + 1500)
    expect(late.length).toBeGreaterThanOrEqual(4)
    const pauses = late.slice(1).map((at, index) => at - (late[index] ?? 0))
    expect(Math.min(...pauses)).toBeGreaterThan(240)
  }, 30_000)
})

describe.if(findPostgres() !== null)('a server', () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startPostgres({ settings: { timezone: 'Asia/Kathmandu', datestyle: 'German, DMY' } })
  })
  afterAll(() => server.remove())

  test('in another time zone gives times in UTC', async () => {
    const connection = await sourceOf(server.url()).connect()
    const rows = await connection.sql`
      select '2026-02-01 09:30:00.123456Z'::timestamptz as micro, '2026-02-01 09:30:00Z'::timestamptz as whole`
    expect([...rows]).toEqual([
      { micro: '2026-02-01T09:30:00.123456Z', whole: '2026-02-01T09:30:00.000000Z' },
    ])
    await connection.end()
  })

  test('far away is connected to, however short the time for a statement is', async () => {
    await using proxy = await startTcpProxy(server)
    proxy.delay(60)
    const config = loadConfig({ DATABASE_URL: proxy.url(server.url()), DATABASE_TIMEOUT_MS: '100' })
    const connection = await databaseSource(config, log).connect()
    expect([...(await connection.sql`select 1 as number`)]).toEqual([{ number: 1 }])
    connection.destroy()
  }, 30_000)
})
