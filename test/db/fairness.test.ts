import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { ALONE } from '../../src/db/choice.ts'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { databaseSource } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { accountsOn, PASSWORD, storeAccount } from '../support/accounts.ts'
import { apiOn, describeApi, newUserId } from '../support/api.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'

const log = createLog({ level: 'silent', format: 'json' })

describe.if(findPostgres() !== null)('between users', () => {
  let server: PostgresServer
  const databases: Database[] = []

  /** With all its connections made. */
  const databaseWith = async (max: number, maxPending = 1000): Promise<Database> => {
    const { connect } = databaseSource(loadConfig({ DATABASE_URL: server.url() }), log)
    const database = createDatabase({ connect, max, timeoutMs: 20_000, maxPending, log })
    database.open()
    databases.push(database)
    await Promise.all(Array.from({ length: max }, () => database.run((sql) => sql`select pg_sleep(0.1)`)))
    return database
  }

  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(async () => {
    for (const database of databases) await database.close()
    await server.remove()
  })

  const sleeps = ({ run }: Database, count: number, owner: string, weight?: number) =>
    Array.from({ length: count }, () => run((sql) => sql`select pg_sleep(0.02)`, owner, weight))

  test('statements that wait are sent in turn', async () => {
    const database = await databaseWith(1)
    let answered = 0
    const many = sleeps(database, 40, 'greedy').map((sleep) => sleep.then(() => answered++))
    await database.run((sql) => sql`select 1`, 'modest')
    // Four had been sent before, and one more is in turn.
    expect(answered).toBeLessThanOrEqual(5)
    await Promise.all(many)
  })

  test('one has at most three quarters of the connections, and nobody else waits behind them', async () => {
    const database = await databaseWith(4)
    const many = sleeps(database, 40, 'greedy')
    expect(database.stats()).toMatchObject({ running: 12, waiting: 28 })
    const others = sleeps(database, 10, 'modest')
    expect(database.stats()).toMatchObject({ running: 16, waiting: 34 })
    await Promise.all([...many, ...others])
  })

  test('one who waits for a lock on all connections that one may have keeps nobody waiting', async () => {
    const [holder, database] = [await databaseWith(1), await databaseWith(4)]
    await holder.run((sql) => sql`select pg_advisory_lock(7)`)
    const many = Array.from({ length: 20 }, () =>
      database.run((sql) => sql`select pg_advisory_xact_lock(7)`, 'greedy'),
    )
    expect((await database.run((sql) => sql`select 1 as one`, 'modest'))[0]).toEqual({ one: 1 })
    expect(database.stats()).toMatchObject({ running: 12, waiting: 8 })
    await holder.run((sql) => sql`select pg_advisory_unlock(7)`)
    await Promise.all(many)
  })

  test('one has as many heavy statements running as their weights allow', async () => {
    const database = await databaseWith(8)
    const many = sleeps(database, 5, 'greedy', 10)
    expect(database.stats()).toMatchObject({ running: 2, waiting: 3 })
    const others = sleeps(database, 2, 'modest', 10)
    expect(database.stats()).toMatchObject({ running: 4, waiting: 3 })
    await Promise.all([...many, ...others])
  })

  test('the heaviest statement is sent alone, and nobody’s is sent after it over the same connection', async () => {
    const database = await databaseWith(2)
    const many = sleeps(database, 3, 'greedy', ALONE)
    expect(database.stats()).toMatchObject({ running: 1, waiting: 2 })
    const others = sleeps(database, 10, 'modest')
    expect(database.stats()).toMatchObject({ running: 5, waiting: 8 })
    await Promise.all([...many, ...others])
  })

  test('one can fill only a quarter of what may wait', async () => {
    const database = await databaseWith(1, 40)
    const many = sleeps(database, 4 + 10, 'greedy')
    const refusal = await (async () => database.run((sql) => sql`select 1`, 'greedy'))().catch(
      (error) => error,
    )
    expect(refusal).toMatchObject({
      code: 'unavailable',
      reason: "too many of one user's statements are waiting for the database",
      headers: { 'retry-after': '1' },
    })
    expect(database.stats().refused).toBe(1)
    expect((await database.run((sql) => sql`select 1 as one`, 'modest'))[0]).toEqual({ one: 1 })
    await Promise.all(many)
    expect((await database.run((sql) => sql`select 1 as one`, 'greedy'))[0]).toEqual({ one: 1 })
  })

  test('one who asks little is never refused, however many others fill what may wait', async () => {
    const database = await databaseWith(2, 40)
    const flooders = ['a', 'b', 'c', 'd', 'e', 'f']
    const answered = new Map(flooders.map((owner) => [owner, 0]))
    let isOver = false
    const flood = async (owner: string) => {
      while (!isOver)
        try {
          await database.run((sql) => sql`select pg_sleep(0.005)`, owner)
          answered.set(owner, (answered.get(owner) ?? 0) + 1)
        } catch (error) {
          expect(error).toMatchObject({ code: 'unavailable', headers: { 'retry-after': '1' } })
          await Bun.sleep(5)
        }
    }
    const floods = flooders.flatMap((owner) => Array.from({ length: 20 }, () => flood(owner)))
    for (let round = 1; round <= 30; round += 1) {
      const rows = await Promise.all(
        [1, 2, 3].map((number) => database.run((sql) => sql`select ${number}::int as number`, 'g')),
      )
      expect(rows.map(([row]) => row)).toEqual([{ number: 1 }, { number: 2 }, { number: 3 }])
    }
    const { refused } = database.stats()
    isOver = true
    await Promise.all(floods)
    expect(refused).toBeGreaterThan(0)
    for (const count of answered.values()) expect(count).toBeGreaterThan(0)
  })

  test('four who have a quarter each leave room for a fifth, and get the rest answered', async () => {
    const database = await databaseWith(1, 40)
    const many = ['a', 'b', 'c', 'd'].flatMap((owner) => sleeps(database, 10, owner))
    const settled = Promise.allSettled(many)
    expect(database.stats()).toMatchObject({ running: 4, waiting: 36, refused: 0 })
    const others = sleeps(database, 5, 'e')
    expect(database.stats()).toMatchObject({ running: 4, waiting: 36, refused: 5 })
    await Promise.all(others)
    const outcomes = await settled
    const refused = outcomes.filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(5)
    for (const one of refused)
      expect(one).toMatchObject({
        reason: { code: 'unavailable', reason: 'too many statements are waiting for the database' },
      })
    expect(database.stats()).toMatchObject({ running: 0, waiting: 0 })
  })
})

describeApi('requests', ({ engine }) => {
  test('have all their statements sent in the name of their user, or of the account', async () => {
    const owners = new Set<string | undefined>()
    const { database } = engine
    const run: typeof database.run = (statement, owner, ...more) => {
      owners.add(owner)
      return database.run(statement, owner, ...more)
    }
    const watched = { ...engine, database: { ...database, run } }
    const { send } = apiOn(watched)
    const user = newUserId()
    const headers = { 'idempotency-key': 'a-key', 'if-match': '"x"', 'if-none-match': '"x"' }
    const { json } = await send('POST', '/api/tasks', { as: user, body: { title: 'A' } })
    await send('POST', '/api/tasks', { as: user, body: { title: 'A' }, headers })
    await send('POST', '/api/tasks', { as: user, body: { title: 'A' }, headers })
    const path = `/api/tasks/${json.id}`
    for (const [method, at, body] of [
      ['GET', '/api/tasks', undefined],
      ['GET', path, undefined],
      ['PUT', path, { title: 'B' }],
      ['PATCH', path, { title: 'C' }],
      ['PATCH', `${path}/complete`, undefined],
      ['DELETE', path, undefined],
    ] as const)
      for (const some of [headers, {}]) await send(method, at, { as: user, body, headers: some })
    expect([...owners]).toEqual([user])

    owners.clear()
    const { id, email } = await storeAccount(engine)
    await accountsOn(watched).logIn({ email, password: PASSWORD })
    expect(owners).not.toContain(undefined)
    expect(owners).toContain(email)
    // Its hash, which was cheap, is replaced.
    expect(owners).toContain(id)
  })
})
