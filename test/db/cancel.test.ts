import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { parseDatabaseUrl } from '../../src/database-url.ts'
import type { Connection } from '../../src/db/client.ts'
import { serverSockets } from '../../src/db/socket.ts'
import { databaseSource } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { startHostileServer } from '../support/hostile-server.ts'
import { findPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** PgBouncer before 1.19 dies of a request to cancel that is closed before it is done (pgbouncer#801). */

const log = createLog({ level: 'silent', format: 'json' })

test('requests to cancel that a server leaves open are at most 16', async () => {
  await using server = await startHostileServer([])
  const { cancel } = serverSockets(parseDatabaseUrl(server.url()))
  for (let count = 0; count < 100; count += 1) void cancel({ pid: 1, secret: 2 })
  const requests = () => server.received().length / 16
  await until(() => requests() >= 16)
  await Bun.sleep(200)
  expect(requests()).toBe(16)
})

describe.if(findPostgres() !== null && findPgBouncer() !== null)('requests to cancel', () => {
  let server: PostgresServer
  let bouncer: PgBouncer

  beforeAll(async () => {
    server = await startPostgres()
    bouncer = await startPgBouncer({ upstream: server.url() })
  })
  afterAll(async () => {
    await bouncer.remove()
    await server.remove()
  })

  const open = (): Promise<Connection> => {
    const config = loadConfig({ DATABASE_URL: bouncer.url(), DATABASE_PREPARE: 'false' })
    return databaseSource(config, log).connect()
  }

  /** Starts a statement that takes long, and resolves when it runs to what will come of it. */
  const sleepOver = async ({ sql }: Connection): Promise<{ outcome: Promise<string> }> => {
    const outcome = sql`select pg_sleep(60)`.then(
      () => 'answered',
      ({ code }) => code,
    )
    const count = `select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()`
    await until(async () => (await server.psql(count)) !== '0')
    return { outcome }
  }

  test('leave a pooler alive, a thousand of them', async () => {
    for (let time = 0; time < 10; time += 1) {
      const connection = await open()
      const { outcome } = await sleepOver(connection)
      for (let count = 0; count < 100; count += 1) await connection.cancel()
      expect(await outcome).toBe('57014')
      connection.destroy()
    }
    const connection = await open()
    expect([...(await connection.sql`select 1 as number`)]).toEqual([{ number: 1 }])
    connection.destroy()
  }, 60_000)

  test('leave a pooler alive when the server behind it hangs, and are not kept from the next ones', async () => {
    const connection = await open()
    const { outcome } = await sleepOver(connection)
    server.suspend()
    const cancelled = Promise.all(Array.from({ length: 1000 }, () => connection.cancel()))
    await Bun.sleep(3000)
    server.resume()
    await cancelled
    expect(await outcome).toBe('57014')
    connection.destroy()
    const next = await open()
    const asleep = await sleepOver(next)
    await next.cancel()
    expect(await asleep.outcome).toBe('57014')
    next.destroy()
  }, 60_000)
})
