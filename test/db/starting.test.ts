import { afterAll, describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { databaseSource } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { apiOn, newUserId } from '../support/api.ts'
import { type Engine, engines } from '../support/engines.ts'

const log = createLog({ level: 'silent', format: 'json' })

const server = engines().find(({ isServer }) => isServer)

describe.if(server !== undefined)('a statement that comes while the service starts', () => {
  const engine = server as Engine
  const databases: Database[] = []
  afterAll(() => Promise.all(databases.map((database) => database.close())))

  const closedDatabase = ({ timeoutMs = 60_000, maxPending = 100 } = {}): Database => {
    const { connect } = databaseSource(loadConfig(engine.env), log)
    const database = createDatabase({ connect, max: 2, timeoutMs, maxPending, log })
    databases.push(database)
    return database
  }

  /** What a statement is refused with, thrown or rejected. */
  const refusal = ({ run }: Database, owner?: string): Promise<unknown> =>
    Promise.try(run, (sql) => sql`select 1`, owner).then(
      (rows) => rows,
      ({ code, reason, headers }) => ({ code, reason, retryAfter: headers['retry-after'] }),
    )
  const unavailable = (reason: string) => ({ code: 'unavailable', reason, retryAfter: '1' })

  test('waits until the database is open', async () => {
    const { run, open, stats } = closedDatabase()
    const rows = [1, 2, 3].map((number) => run((sql) => sql`select ${number}::int as number`))
    expect(stats()).toEqual({ running: 0, waiting: 3, refused: 0, expired: 0 })
    open()
    expect((await Promise.all(rows)).map(([row]) => row?.number)).toEqual([1, 2, 3])
    expect(stats()).toEqual({ running: 0, waiting: 0, refused: 0, expired: 0 })
  })

  test('is refused after a short time, and then the next ones may wait', async () => {
    const database = closedDatabase()
    expect(await refusal(database)).toEqual(unavailable('the service is starting'))
    expect(database.stats()).toEqual({ running: 0, waiting: 0, refused: 0, expired: 0 })
    const rows = database.run((sql) => sql`select 2 as number`)
    database.open()
    expect([...(await rows)]).toEqual([{ number: 2 }])
  })

  test('waits no longer than a request may', async () => {
    const refusedAfter = (timeoutMs: number) => refusal(closedDatabase({ timeoutMs })).then(() => timeoutMs)
    expect(await Promise.race([60_000, 300].map(refusedAfter))).toBe(300)
  })

  test('has as long as every other once the database is open', async () => {
    const { run, open } = closedDatabase()
    const rows = run((sql) => sql`select 1 as number, pg_sleep(1.5)`)
    open()
    expect((await rows)[0]?.number).toBe(1)
  })

  test('and takes longer than a request may is given up, the time before included', async () => {
    const database = closedDatabase({ timeoutMs: 300 })
    const sleep = database.run((sql) => sql`select pg_sleep(60)`)
    database.open()
    expect(await sleep.catch(({ reason }) => reason)).toBe('the database did not answer in time')
    expect(database.stats().expired).toBe(1)
  })

  test('is refused at once when many wait, of all or of one user', async () => {
    const database = closedDatabase({ maxPending: 8 })
    const select = (owner: string) => database.run((sql) => sql`select 1`, owner)
    const admitted = [select('ada')]
    const second = refusal(database, 'ada')
    expect(await refusal(database, 'ada')).toEqual(
      unavailable("too many of one user's statements are waiting for the database"),
    )
    admitted.push(...['bob', 'cyd', 'dan', 'eve', 'fay', 'gus'].map(select))
    expect(database.stats()).toEqual({ running: 0, waiting: 8, refused: 1, expired: 0 })
    const tooMany = unavailable('too many statements are waiting for the database')
    // Whoever has none waiting takes the place of who has two, but not of who has one.
    admitted.push(select('hal'))
    expect(await second).toEqual(tooMany)
    expect(await refusal(database, 'ida')).toEqual(tooMany)
    expect(database.stats()).toEqual({ running: 0, waiting: 8, refused: 3, expired: 0 })
    database.open()
    expect(await Promise.all(admitted)).toHaveLength(8)
  })

  test('is refused when the tables turn out to be missing', async () => {
    const database = closedDatabase()
    const refused = refusal(database)
    database.open(false)
    expect(await refused).toEqual(unavailable('the tables are missing or out of date'))
    expect(database.stats()).toEqual({ running: 0, waiting: 0, refused: 0, expired: 0 })
  })

  test('is refused when the service stops meanwhile', async () => {
    const database = closedDatabase()
    const refused = refusal(database)
    await database.close()
    expect(await refused).toEqual(unavailable('the service is stopping'))
  })

  test('is a request that is carried out a little later', async () => {
    const database = closedDatabase()
    const run: typeof database.run = (...given) => {
      const rows = database.run(...given)
      database.open()
      return rows
    }
    const { send } = apiOn(engine, {}, { database: { ...database, run } })
    const { status } = await send('POST', '/api/tasks', { as: newUserId(), body: { title: 'A' } })
    expect(status).toBe(201)
  })
})
