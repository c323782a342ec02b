import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { databaseSource, prepareDatabase } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { taskRepository } from '../../src/tasks/repository.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'

/** The statements about tasks, as they are sent. */

const log = createLog({ level: 'silent', format: 'json' })
const ALL = ['pending', 'in_progress', 'completed'] as const
const VERSION = '2026-02-01T09:30:00.123456Z'

describe.if(findPostgres() !== null)('the statements about tasks', () => {
  let server: PostgresServer
  let database: Database
  /** What was sent, by what it was sent for. */
  const sent = new Map<string, string[]>()

  beforeAll(async () => {
    server = await startPostgres()
    const source = databaseSource(loadConfig({ DATABASE_URL: server.url() }), log)
    await prepareDatabase(source, { migrateOnStart: true, log })
    database = createDatabase({ connect: source.connect, max: 1, timeoutMs: 30_000, maxPending: 100, log })
    database.open()
    await server.psql(`
      insert into users (id) select 'user-' || n from generate_series(1, 50) as n;
      insert into tasks (user_id, title, status)
      select 'user-' || n % 50 + 1, 'task', (array['pending', 'in_progress', 'completed'])[1 + n / 50 % 3]
      from generate_series(1, 20000) as n;
      insert into idempotency_keys (user_id, key, fingerprint, task_id)
      select 'user-' || n % 50 + 1, 'key-' || n, '\\x00', n from generate_series(1, 20000) as n;
      analyze`)

    let texts: string[] = []
    const run: Database['run'] = async (statement, owner, weight) => {
      const rows = await database.run(statement, owner, weight)
      texts.push((rows as unknown as { statement: { string: string } }).statement.string)
      return rows
    }
    const tasks = taskRepository({ ...database, run }, Date.now)
    const user = 'user-1'
    const task = { title: 'x', description: null, status: 'pending' as const }
    const keyed = { key: 'a key', fingerprint: new Uint8Array([1]) }
    const record = async (name: string, work: () => Promise<unknown>) => {
      texts = []
      await work()
      sent.set(name, texts)
    }
    await record('get', () => tasks.find(user, 50))
    for (const limit of [20, 1000])
      for (const after of [undefined, 10_000])
        for (const statuses of [ALL, ['completed'], ['pending', 'in_progress'], []] as const)
          await record(`list of ${statuses.length}, limit ${limit}, after ${after}`, () =>
            tasks.list(user, { statuses, limit, after }),
          )
    await record('first create', () => tasks.create(user, task))
    await record('create', () => tasks.create(user, task))
    await record('keyed create', () => tasks.createOnce(user, task, keyed))
    await record('keyed create again', () => tasks.createOnce(user, task, keyed))
    await record('toggle', () => tasks.toggle(user, 50, '*'))
    await record('toggle of a version', () => tasks.toggle(user, 50, { in: [VERSION] }))
    await record('change', () =>
      tasks.change(user, 50, { title: 'y', status: 'reopened' }, { notIn: [VERSION] }),
    )
    await record('delete', () => tasks.remove(user, 50, { in: [VERSION] }))
  }, 60_000)

  afterAll(async () => {
    await database.close()
    await server.remove()
  })

  const plan = (text: string) =>
    server.psql(
      `set plan_cache_mode = force_generic_plan; prepare one as ${text};
       explain (costs off) execute one(${Array(Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, n]) => Number(n)))).fill('null')})`,
    )

  test('use the primary key or the index for a status, and sort nothing', async () => {
    for (const [name, texts] of sent) {
      // A list of no status reads nothing.
      if (name.includes('create') || name.includes('list of 0')) continue
      for (const text of texts) {
        const lines = await plan(text)
        expect({ name, lines }).toEqual({
          name,
          lines: expect.not.stringMatching(/(^|-> +)Sort|Seq Scan|Bitmap/m),
        })
        const indexes = [...lines.matchAll(/Index (?:Only )?Scan (?:Backward )?using (\w+)/g)].map(
          ([, index]) => index,
        )
        if (!lines.includes('One-Time Filter: false'))
          expect({ name, indexes: [...new Set(indexes)] }).toEqual({
            name,
            indexes: [/list of [12]/.test(name) ? 'tasks_by_status' : 'tasks_user_id_id_pk'],
          })
      }
    }
  })

  test('name their user wherever they touch a table', () => {
    for (const [name, texts] of sent)
      for (const text of texts) {
        const touched =
          text.match(/\b(?:from|update|delete from) "public"\."(?:tasks|idempotency_keys)"/g) ?? []
        const named = text.match(/\buser_id = \$\d/g) ?? []
        expect({ name, named: named.length }).toEqual({ name, named: touched.length })
      }
  })

  // What Citus refuses: https://docs.citusdata.com/en/stable/develop/reference_sql.html
  test('make nothing volatile, or that depends on the session, of a column that they set', () => {
    const updates = [...sent.values()].flat().filter((text) => /\bupdate "/.test(text))
    expect(updates.length).toBeGreaterThan(2)
    for (const text of updates) {
      const set = text.slice(text.indexOf(' set'), text.indexOf('where'))
      expect(set).not.toMatch(/\b(now|clock_timestamp|to_char|random|current_\w+)\b/)
      // Of a time with a zone it would depend on the session's.
      for (const [sum] of set.matchAll(/\S+ \+ interval/g)) expect(sum).toBe("'UTC') + interval")
    }
  })

  test('update nothing when a row is there already, and lock rows of one user only', () => {
    for (const text of [...sent.values()].flat()) {
      expect(text).not.toMatch(/on conflict[^)]*do update/)
      for (const [subselect] of text.matchAll(/select key from[^)]*for update/g))
        expect(subselect).toContain('user_id = $')
    }
  })

  test('make the user only when it is not known to be there', () => {
    expect(sent.get('first create')?.join()).toContain('insert into "public"."users"')
    for (const name of ['create', 'keyed create']) expect(sent.get(name)?.join()).not.toContain('users')
  })
})
