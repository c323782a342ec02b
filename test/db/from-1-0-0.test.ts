import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { loadConfig } from '../../src/config.ts'
import { migrations } from '../../src/db/migration-files.ts'
import { DatabaseStartError, databaseSource, prepareDatabase } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { SECRET, tokenFor } from '../support/api.ts'
import { clientFor } from '../support/client.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startService } from '../support/process.ts'

/** A database that version 1.0.0 made. */

const PATIENCE_MS = 60_000
const log = createLog({ level: 'silent', format: 'json' })

/** The migration of 1.0.0, as drizzle recorded it. */
const TABLES = `
  ${migrations[0]?.statements.join(';')};
  create schema drizzle;
  create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
  insert into drizzle.__drizzle_migrations (hash, created_at) values ('${migrations[0]?.hash}', 1795268563197);`

const fingerprint = createHash('sha256')
  .update(JSON.stringify(['keyed', null, 'pending']))
  .digest('hex')

const DATA = `
  insert into users (id, created_at) values ('ada', '2026-01-01'), ('bob', '2026-01-01');
  insert into tasks (user_id, title, description, status, created_at, updated_at)
  select 'ada', 'task ' || n, nullif('text ' || n, 'text 2'),
    (array['pending', 'in_progress', 'completed'])[1 + n % 3],
    timestamptz '2026-02-01 09:30:00.123456Z' + n * interval '1 second',
    timestamptz '2026-03-01 09:30:00.654321Z' + n * interval '1 second'
  from generate_series(1, 7) as n;
  insert into tasks (user_id, title, created_at, updated_at)
  values ('ada', 'keyed', now() - interval '1 hour', now() - interval '1 hour');
  insert into idempotency_keys (user_id, key, fingerprint, task_id, created_at)
  select 'ada', 'key-1', '\\x${fingerprint}', id, created_at from tasks where title = 'keyed';`

describe.if(findPostgres() !== null)('a database of version 1.0.0', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  }, PATIENCE_MS)
  afterAll(() => server.remove())

  const databaseOf100 = async () => {
    const url = await server.createDatabase()
    const name = new URL(url).pathname.slice(1)
    await server.psql(`set role todo; ${TABLES} ${DATA}`, name)
    return { url, name }
  }

  test(
    'goes on with the same tasks, entity tags and cursors, the next id, and keyed retries',
    async () => {
      const { url, name } = await databaseOf100()
      const journal = await server.psql('select * from drizzle.__drizzle_migrations', name)
      await using service = await startService({ DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET })
      await service.ready()
      const { send } = clientFor(service.url, 'ada')

      const { json: tasks } = await send('GET', '/api/tasks')
      expect(tasks.map(({ id }: { id: number }) => id)).toEqual([8, 7, 6, 5, 4, 3, 2, 1])
      const { headers, json } = await send('GET', '/api/tasks/2')
      expect(json).toEqual({
        id: 2,
        user_id: 'ada',
        title: 'task 2',
        description: null,
        status: 'completed',
        completed: true,
        created_at: '2026-02-01T09:30:02.123456Z',
        updated_at: '2026-03-01T09:30:02.654321Z',
      })
      expect(headers.get('etag')).toBe('"2026-03-01T09:30:02.654321Z"')

      const cursor = Buffer.from('2026-02-01T09:30:05.123456Z/5').toString('base64url')
      const page = await send('GET', `/api/tasks?limit=2&after=${cursor}`)
      expect(page.json.map(({ id }: { id: number }) => id)).toEqual([4, 3])

      const again = await fetch(`${service.url}/api/tasks`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tokenFor('ada')}`,
          'content-type': 'application/json',
          'idempotency-key': 'key-1',
        },
        body: JSON.stringify({ title: 'keyed' }),
      })
      expect(again.status).toBe(201)
      expect(await again.json()).toEqual(tasks[0])

      expect((await send('POST', '/api/tasks', { title: 'new' })).json.id).toBeGreaterThan(8)
      expect(await server.psql('select * from drizzle.__drizzle_migrations', name)).toBe(journal)
      expect(await server.psql('select name from todo_backend_migrations order by name', name)).toBe(
        migrations.map(({ name }) => name).join('\n'),
      )
    },
    PATIENCE_MS,
  )

  test(
    'is served by version 1.0.0 on the new tables, too, as long as both run',
    async () => {
      const { url, name } = await databaseOf100()
      await using service = await startService({ DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET })
      await service.ready()
      // What 1.0.0 sends: its look at the journal, a list, a create, a keyed create, a toggle.
      const newest = await server.psql('select max(created_at) from drizzle.__drizzle_migrations', name)
      expect(newest).toBe('1795268563197')
      const created = await server.psql(
        `with owner as (insert into users (id) values ('ada') on conflict do nothing)
         insert into tasks (user_id, title, description, status) values ('ada', 'old', null, 'pending')
         returning id > 8`,
        name,
      )
      expect(created).toBe('t')
      const keyed = await server.psql(
        `with proposed as materialized (select nextval(pg_get_serial_sequence('tasks', 'id')) as id),
         claimed as (
           insert into idempotency_keys as kept (user_id, key, fingerprint, task_id)
           select 'ada', 'key-2', '\\x00', id from proposed
           on conflict (user_id, key) do update set task_id = kept.task_id returning task_id, created_at
         ),
         created as (
           insert into tasks (id, user_id, title, created_at, updated_at) overriding system value
           select task_id, 'ada', 'old keyed', created_at, created_at
           from claimed join proposed on proposed.id = claimed.task_id
         )
         select count(*) from claimed`,
        name,
      )
      expect(keyed).toBe('1')
      const titles = await server.psql(
        "select title from tasks where user_id = 'ada' order by created_at desc, id desc limit 2",
        name,
      )
      expect(titles.split('\n').sort()).toEqual(['old', 'old keyed'])
      const { json } = await clientFor(service.url, 'ada').list()
      expect(json.slice(0, 2).map(({ title }: { title: string }) => title)).toEqual(['old keyed', 'old'])
    },
    PATIENCE_MS,
  )

  test(
    'in which other tables took the place of its own is refused, with all that is taken',
    async () => {
      const { url, name } = await databaseOf100()
      await server.psql('drop table idempotency_keys', name)
      const source = databaseSource(loadConfig({ DATABASE_URL: url }), log)
      const error = await prepareDatabase(source, { migrateOnStart: true, log }).catch((error) => error)
      expect(error).toBeInstanceOf(DatabaseStartError)
      expect(error.message).toContain('table tasks (8 rows)')
    },
    PATIENCE_MS,
  )

  test(
    "whose role may not read drizzle's journal is told of the grants, and changes over with them",
    async () => {
      const { url, name } = await databaseOf100()
      await server.psql(
        'alter schema drizzle owner to postgres; alter table drizzle.__drizzle_migrations owner to postgres',
        name,
      )
      const prepare = () =>
        prepareDatabase(databaseSource(loadConfig({ DATABASE_URL: url }), log), { migrateOnStart: true, log })
      const error = await prepare().catch((error) => error)
      const grants =
        'grant usage on schema drizzle to "todo"; grant select on drizzle.__drizzle_migrations to "todo";'
      expect(error).toBeInstanceOf(DatabaseStartError)
      expect(error.message).toContain('permission denied for schema drizzle')
      expect(error.message).toContain(grants)
      await server.psql(grants, name)
      expect(await prepare()).toBe(true)
    },
    PATIENCE_MS,
  )
})
