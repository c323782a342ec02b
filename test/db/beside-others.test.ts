import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import { SECRET } from '../support/api.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { clientFor } from '../support/client.ts'
import { describeServer } from '../support/describe-server.ts'
import {
  ALIKE_TABLES,
  BETTER_AUTH,
  JOURNAL_NEWER,
  JOURNAL_OLDER,
  OTHER_KINDS,
  SERIAL_TASKS,
  SHOP,
  SINGULAR_TASKS,
} from '../support/other-programs.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type Service, startService } from '../support/process.ts'
import { runProgram } from '../support/program.ts'
import { run } from '../support/run.ts'

/** A service in a database that other programs use, too. */

const PATIENCE_MS = 60_000

describeServer('beside other programs', () => {
  let server: PostgresServer
  const directory = temporaryDirectory('todo-beside')

  beforeAll(async () => {
    server = await startPostgres()
  }, PATIENCE_MS)
  afterAll(async () => {
    await server.remove()
    await directory.remove()
  }, PATIENCE_MS)

  /** A new database with what another program made in it, as the role that the service has, too. */
  const databaseWith = async (sql: string): Promise<{ url: string; name: string }> => {
    const url = await server.createDatabase()
    const name = new URL(url).pathname.slice(1)
    await server.psql(`set role todo; set search_path = public; ${sql}`, name)
    return { url, name }
  }

  /** All of a database, but for the keys that newer versions of pg_dump write around it. */
  const dumpOf = async (url: string, ...options: string[]): Promise<string> =>
    (await run([`${findPostgres()}/pg_dump`, ...options, url])).replace(/^\\(un)?restrict .*$/gm, '')

  const refusedStart = async (url: string, env: Record<string, string> = {}): Promise<string> => {
    const { exitCode, output } = await runProgram([], {
      cwd: directory.path,
      env: { DATABASE_URL: url, PORT: '0', HOST: '127.0.0.1', BETTER_AUTH_SECRET: SECRET, ...env },
    })
    expect(exitCode).toBe(1)
    expect(output).not.toContain('ready start_ms')
    expect(output).not.toMatch(/\n {4}at /)
    return output
  }

  /** The warnings that are not about requests. */
  const warningsOf = ({ log }: Service): string[] =>
    log.filter((line) => line.includes(' WARN ') && !line.includes(' WARN  request '))

  /** Starts, makes a task, lists it, and gives the warnings of the log. */
  const worksIn = async (url: string, env: Record<string, string> = {}): Promise<string[]> => {
    await using service = await startService({ DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET, ...env })
    await service.ready()
    const ada = clientFor(service.url, 'ada-id')
    expect((await ada.create('mine')).status).toBe(201)
    expect((await ada.listAll()).map(({ title }) => title)).toEqual(['mine'])
    return warningsOf(service)
  }

  test.each([
    [
      'tables alike, and a journal that is newer',
      ALIKE_TABLES,
      ['table tasks (3 rows)', 'table users (1 row)'],
    ],
    [
      'tables of a FastAPI backend',
      SERIAL_TASKS,
      ['table tasks (5 rows)', 'table users (1 row)', 'sequence tasks_id_seq'],
    ],
    ["a shop's users", SHOP, ['table users (1 row)']],
    [
      "a table of the journal's name",
      'create table todo_backend_migrations (id serial primary key, hash text)',
      ['table todo_backend_migrations (0 rows)', 'index todo_backend_migrations_pkey'],
    ],
    [
      'a type, a sequence, a view and an index',
      OTHER_KINDS,
      ['type tasks', 'index tasks_by_status', 'sequence tasks_id_seq', 'view users'],
    ],
  ])(
    'a start is refused that finds names taken, with all of them, and changes nothing: %s',
    async (_, sql, taken) => {
      const { url } = await databaseWith(sql)
      const before = await dumpOf(url)
      for (const env of [{}, { MIGRATE_ON_START: 'false' }] as Record<string, string>[]) {
        const output = await refusedStart(url, env)
        expect(output).toContain('Schema public')
        for (const one of taken) expect(output).toContain(`  ${one}\n`)
        for (const way of ['Nothing was changed', 'DATABASE_SCHEMA', 'import', 'DATABASE_URL'])
          expect(output).toContain(way)
      }
      expect(await dumpOf(url)).toBe(before)
    },
    PATIENCE_MS,
  )

  test(
    'tables are named before all else',
    async () => {
      const { url } = await databaseWith(
        `${SHOP} create sequence tasks_id_seq; create type rate_limits as enum ('a')`,
      )
      expect(await refusedStart(url)).toMatch(
        /table users \(1 row\)\n.*type rate_limits\n.*sequence tasks_id_seq\n/,
      )
    },
    PATIENCE_MS,
  )

  test.each([
    ['of tables alike', ALIKE_TABLES],
    ['of a FastAPI backend', SERIAL_TASKS],
    ["of a shop's users", SHOP],
    ['of other kinds', OTHER_KINDS],
  ])(
    'a schema of its own is a place beside them: %s',
    async (_, sql) => {
      const { url } = await databaseWith(sql)
      const before = await dumpOf(url, '--exclude-schema=todo')
      await worksIn(url, { DATABASE_SCHEMA: 'todo' })
      expect(await dumpOf(url, '--exclude-schema=todo')).toBe(before)
    },
    PATIENCE_MS,
  )

  test.each([
    ["Better Auth's", BETTER_AUTH, {}],
    ['an older journal', JOURNAL_OLDER, {}],
    ['a newer journal', JOURNAL_NEWER, {}],
    ['a newer journal, in a schema of its own', JOURNAL_NEWER, { DATABASE_SCHEMA: 'todo' }],
  ])(
    'tables of other names are none of its business, and neither is the journal of drizzle: %s',
    async (_, sql, env) => {
      const { url, name } = await databaseWith(sql)
      const theirs = [
        '--table=drizzle.*',
        '--table=public."user"',
        '--table=public.account',
        '--table=public.jwks',
      ]
      const before = await dumpOf(url, ...theirs)
      expect(await worksIn(url, env)).toEqual([])
      expect(await dumpOf(url, ...theirs)).toBe(before)
      if (sql === BETTER_AUTH)
        expect(await server.psql("select count(*) from pg_namespace where nspname = 'drizzle'", name)).toBe(
          '0',
        )
    },
    PATIENCE_MS,
  )

  test(
    'the tasks of another backend are warned of once, and never read',
    async () => {
      const { url } = await databaseWith(SINGULAR_TASKS)
      const [warning, ...more] = await worksIn(url)
      expect(warning).toContain('table task (5 rows) in schema public')
      expect(warning).toContain('import')
      expect(more).toEqual([])
      await using again = await startService({ DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET })
      await again.ready()
      expect(warningsOf(again)).toEqual([])
    },
    PATIENCE_MS,
  )

  test.each([
    [
      'in a schema with a dot in its name',
      'create schema "a.b"; set search_path = "a.b"',
      'task (1 row)',
      '',
    ],
    [
      'whose rows cannot be counted',
      "create function fails() returns boolean language plpgsql as $$ begin raise exception 'no'; end $$",
      'task in schema public',
      `alter table task enable row level security; alter table task force row level security;
       create policy never on task using (fails())`,
    ],
  ])(
    'the tasks of another backend do not keep it from starting: %s',
    async (_, before, warning, after) => {
      const { url } = await databaseWith(
        `${before}; create table task (title text, "userId" text); insert into task values ('x', 'ada'); ${after}`,
      )
      expect(await worksIn(url)).toEqual([expect.stringContaining(`table ${warning}`)])
    },
    PATIENCE_MS,
  )

  test(
    'a foreign table in its place is named, although its server cannot be reached',
    async () => {
      const { url, name } = await databaseWith('')
      await server.psql(
        `create extension postgres_fdw; create server gone foreign data wrapper postgres_fdw options (port '1');
         create user mapping for todo server gone; create foreign table tasks (id int) server gone;
         grant select on tasks to todo`,
        name,
      )
      expect(await refusedStart(url)).toMatch(/\n +foreign table tasks\n/)
    },
    PATIENCE_MS,
  )

  test(
    'a search path changes nothing: the tables are where DATABASE_SCHEMA says, with their foreign keys',
    async () => {
      const { url, name } = await databaseWith(`create schema todo; ${SHOP}`)
      const withPath = `${url}?options=-c%20search_path%3Dtodo`
      expect(await refusedStart(withPath)).toContain('table users (1 row)')
      await worksIn(withPath, { DATABASE_SCHEMA: 'todo' })
      const targets = await server.psql(
        `select distinct confrelid::regclass from pg_constraint
         where contype = 'f' and connamespace = 'todo'::regnamespace`,
        name,
      )
      expect(targets).toBe('todo.users')
    },
    PATIENCE_MS,
  )

  test(
    'the pending migration of a front end is made after the start of this service',
    async () => {
      const { url, name } = await databaseWith(JOURNAL_OLDER)
      await worksIn(url)
      const migrationsFolder = join(directory.path, 'front-end')
      await mkdir(join(migrationsFolder, 'meta'), { recursive: true })
      await writeFile(join(migrationsFolder, '0002_next.sql'), 'create table theirs (id integer)')
      await writeFile(
        join(migrationsFolder, 'meta', '_journal.json'),
        JSON.stringify({
          entries: [{ idx: 2, when: 1_785_000_000_000, tag: '0002_next', breakpoints: true }],
        }),
      )
      const client = postgres(url, { max: 1, onnotice: () => {} })
      await migrate(drizzle(client), { migrationsFolder })
      await client.end()
      expect(await server.psql("select to_regclass('public.theirs')", name)).toBe('theirs')
    },
    PATIENCE_MS,
  )

  test(
    'drizzle-kit push of a front end leaves a schema of its own standing',
    async () => {
      const { url } = await databaseWith(BETTER_AUTH)
      const env = { DATABASE_URL: url, DATABASE_SCHEMA: 'todo', BETTER_AUTH_SECRET: SECRET }
      await using service = await startService(env)
      await service.ready()
      const ada = clientFor(service.url, 'ada')
      expect((await ada.create('mine')).status).toBe(201)
      const schema = join(import.meta.dir, '..', 'support', 'front-end-schema.ts')
      const options = ['--force', '--dialect=postgresql', `--schema=${schema}`, `--url=${url}`]
      await run([process.execPath, 'x', 'drizzle-kit', 'push', ...options])
      expect((await ada.listAll()).map(({ title }) => title)).toEqual(['mine'])
      expect((await fetch(`${service.url}/health/ready`)).status).toBe(200)
    },
    PATIENCE_MS,
  )

  test.each([
    'drop table tasks',
    'drop table idempotency_keys',
    'drop table rate_limits',
    'drop table todo_backend_migrations',
    'alter table tasks rename to old_tasks',
    `alter table tasks rename to old_tasks;
     create table tasks (id serial primary key, user_id text references users (id), title text)`,
  ])(
    'is not ready when its tables are not there any more, and does not start again: %s',
    async (sql) => {
      const { url, name } = await databaseWith('')
      await using service = await startService({ DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET })
      await service.ready()
      await server.psql(`set role todo; ${sql}`, name)
      expect((await fetch(`${service.url}/health/ready`)).status).toBe(503)
      const output = await refusedStart(url)
      expect(output).toContain('Nothing was changed')
    },
    PATIENCE_MS,
  )

  test(
    'is ready on the tables of a newer version, and starts on them',
    async () => {
      const { url, name } = await databaseWith('')
      await worksIn(url)
      await server.psql(
        "insert into todo_backend_migrations (hash, name) values ('newer', '9999_newer')",
        name,
      )
      await using service = await startService({ DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET })
      await service.ready()
      expect((await clientFor(service.url, 'ada-id').create('next')).status).toBe(201)
    },
    PATIENCE_MS,
  )
})
