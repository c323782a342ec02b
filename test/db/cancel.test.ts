import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { parseDatabaseUrl } from '../../src/database-url.ts'
import { type Connection, connect } from '../../src/db/client.ts'
import { type ServerSockets, serverSockets } from '../../src/db/socket.ts'
import { createLog } from '../../src/log.ts'
import { findPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'

/** PgBouncer before 1.19 dies of a request to cancel that is closed before it is done (pgbouncer#801). */

const log = createLog({ level: 'silent', format: 'json' })

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

  const open = (url: string): Promise<{ connection: Connection; sockets: ServerSockets }> => {
    const address = parseDatabaseUrl(url)
    const sockets = serverSockets(address)
    const { host, port, database, user, password = '' } = address
    const endpoint = {
      openSocket: sockets.open,
      cancel: sockets.cancel,
      host,
      port,
      database,
      user,
      password,
    }
    return connect(endpoint, { timeoutMs: 10_000, prepare: false, log }).then((connection) => ({
      connection,
      sockets,
    }))
  }

  /** What a statement and then 100 requests to cancel it come to, each request once the last is closed. */
  const cancelOften = async (connection: Connection): Promise<string> => {
    const outcome = connection.sql`select pg_sleep(60)`.then(
      () => 'answered',
      ({ code }) => code,
    )
    for (let count = 0; count < 100; count += 1) await connection.cancel()
    return outcome
  }

  test('leave a pooler alive, a thousand of them', async () => {
    const connections = await Promise.all(Array.from({ length: 10 }, () => open(bouncer.url())))
    const outcomes = await Promise.all(connections.map(({ connection }) => cancelOften(connection)))
    expect(outcomes).toEqual(Array(10).fill('57014'))
    for (const { connection } of connections) connection.destroy()
    const { connection } = await open(bouncer.url())
    expect([...(await connection.sql`select 1 as number`)]).toEqual([{ number: 1 }])
    connection.destroy()
  }, 60_000)

  test('leave a pooler alive when the server behind it hangs, and are not kept from the next ones', async () => {
    const { connection } = await open(bouncer.url())
    const sleeping = connection.sql`select pg_sleep(60)`.catch(({ code }) => code)
    const active = `select count(*) from pg_stat_activity where state = 'active' and query ~ '^select pg_sleep'`
    while ((await server.psql(active)) !== '1') await Bun.sleep(10)
    server.suspend()
    const cancelled = Promise.all(Array.from({ length: 1000 }, () => connection.cancel()))
    await Bun.sleep(3000)
    server.resume()
    await cancelled
    expect(await sleeping).toBe('57014')
    connection.destroy()
    const next = await open(bouncer.url())
    expect(await cancelOften(next.connection)).toBe('57014')
    next.connection.destroy()
  }, 60_000)
})
