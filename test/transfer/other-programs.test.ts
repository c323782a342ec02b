import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SECRET } from '../support/api.ts'
import { clientFor } from '../support/client.ts'
import { startService } from '../support/process.ts'
import { startTransfer, type Transfer } from '../support/transfer.ts'

/** Databases as other programs leave them. */

const PASSWORD = 'correct horse battery'
// Of PASSWORD, as passlib writes it.
const bcrypt = Bun.password.hashSync(PASSWORD, { algorithm: 'bcrypt', cost: 4 })
const ARGON = '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA'
const ADA = '4f1d7f2e-8c1b-4a52-9a53-0d4b2f9a1c11'

interface Case {
  sql: string
  args?: string[]
  user: string
  /** In the order of their ids. */
  titles: string[]
  statuses: string[]
  created: string
  /** What the plan says, beside the counts. */
  says: string[]
  canLogin: boolean
}

const [PENDING, IN_PROGRESS, COMPLETED] = ['pending', 'in_progress', 'completed'] as const
const old = [1, 2, 3, 4, 5].map((number) => `old task ${number}`)
const alternating = [PENDING, COMPLETED, PENDING, COMPLETED, PENDING]

const cases: Record<string, Case> = {
  'integer ids, strings for users, bcrypt, times without a zone': {
    sql: `
      create table users (id varchar primary key, email varchar(255) not null, name varchar(255), password_hash varchar(255), created_at timestamp not null);
      create table tasks (id serial primary key, user_id varchar not null references users(id), title varchar(200) not null, description varchar(1000), completed boolean not null, created_at timestamp not null, updated_at timestamp not null);
      insert into users values ('${ADA}', 'ada@example.com', 'Ada', '${bcrypt}', '2025-12-11 10:00');
      insert into tasks (user_id, title, description, completed, created_at, updated_at)
        select '${ADA}', 'old task '||g, 'd', g%2=0, '2025-12-11 10:00'::timestamp + g * interval '1 min', '2025-12-11 11:00' from generate_series(1,5) g`,
    user: ADA,
    titles: old,
    statuses: alternating,
    created: '2025-12-11T10:01:00+00:00',
    says: ['left behind, because there is no such field here: name', 'read as UTC'],
    canLogin: true,
  },
  'singular names, no foreign key, a column more': {
    sql: `
      create table "user" (email varchar(255) not null, name varchar(255), id varchar primary key, hashed_password varchar(255) not null);
      create table task (title varchar(255) not null, description varchar(1000), completed boolean not null, user_id varchar(255) not null, due_date varchar, id serial primary key, created_at timestamp not null, updated_at timestamp not null);
      insert into "user" values ('ada@example.com', 'Ada', 'u-ada', '${bcrypt}');
      insert into task (title, completed, user_id, due_date, created_at, updated_at)
        select 'old task '||g, g%2=0, 'u-ada', '2026-03-01', '2026-01-11'::timestamp + g * interval '1 min', '2026-01-12' from generate_series(1,5) g`,
    user: 'u-ada',
    titles: old,
    statuses: alternating,
    created: '2026-01-11T00:01:00+00:00',
    says: ['left behind, because there is no such field here: due_date'],
    canLogin: true,
  },
  'uuids, argon2 and a long title': {
    sql: `
      create table users (id varchar(255) primary key, email varchar(255) not null, hashed_password varchar(255) not null, is_active boolean not null, created_at timestamp not null);
      create table tasks (title varchar(255) not null, description varchar, id uuid primary key, is_completed boolean not null, user_id varchar(255) not null, created_at timestamp not null, updated_at timestamp not null);
      insert into users values ('${ADA}', 'ada@example.com', '${ARGON}', true, '2026-01-11');
      insert into tasks select 'old task '||g, 'd', gen_random_uuid(), g%2=0, '${ADA}', '2026-01-11'::timestamp + g * interval '1 min', '2026-01-12' from generate_series(1,5) g;
      insert into tasks values (repeat('x',255), null, gen_random_uuid(), false, '${ADA}', '2026-01-11', '2026-01-11')`,
    user: ADA,
    titles: ['x'.repeat(200), ...old],
    statuses: [PENDING, ...alternating],
    created: '2026-01-11T00:00:00+00:00',
    says: ['not bcrypt but argon2', 'titles over 200 characters', 'numbered anew', 'ada@example.com'],
    canLogin: false,
  },
  'numbered users whose name is the subject, a status in text': {
    sql: `
      create table users (id serial primary key, created_at timestamp not null, username varchar not null unique, email varchar not null, hashed_password varchar not null);
      create table tasks (id serial primary key, created_at timestamp not null, updated_at timestamp not null, title varchar(200) not null, description varchar(1000), status varchar not null, user_id integer not null references users(id));
      insert into users (created_at, username, email, hashed_password) values ('2026-01-11', 'ada', 'ada@example.com', '${bcrypt}');
      insert into tasks (created_at, updated_at, title, status, user_id)
        select '2026-01-11'::timestamp + g * interval '1 min', '2026-01-12', 'old task '||g, (array['pending','in_progress','completed'])[1+g%3], 1 from generate_series(1,5) g`,
    args: ['--user-id', 'username'],
    user: 'ada',
    titles: old,
    statuses: [IN_PROGRESS, COMPLETED, PENDING, IN_PROGRESS, COMPLETED],
    created: '2026-01-11T00:01:00+00:00',
    says: ['username (character varying), the subject of their tokens'],
    canLogin: true,
  },
  'tables of our names, made by another program': {
    sql: `
      create table users (id text primary key, email text, name text);
      create table tasks (id serial primary key, user_id text not null, title text not null, description text, status text not null default 'pending', completed boolean not null default false, created_at timestamptz not null default '2026-01-11 00:00Z', updated_at timestamptz not null default now());
      insert into users values ('u1', 'ada@example.com', 'Ada');
      insert into tasks (user_id, title, completed) select 'u1', 'old task '||g, g=2 from generate_series(1,3) g`,
    user: 'u1',
    titles: old.slice(0, 3),
    statuses: [PENDING, COMPLETED, PENDING],
    created: '2026-01-11T00:00:00+00:00',
    says: ['none: logins by tokens only', 'taken as completed: 1 (task 2)'],
    canLogin: false,
  },
  'camel case, an enum, an owner, nothing about time, deleted rows': {
    sql: `
      create schema app;
      create type app.state as enum ('TODO', 'IN_PROGRESS', 'DONE');
      create table app.people (id bigserial primary key, "emailAddress" text, "isDeleted" boolean);
      create table app.todos (id int primary key, title text, "ownerId" bigint references app.people, status app.state, "deletedAt" timestamptz);
      insert into app.people values (7, 'ada@example.com', false), (8, 'gone@example.com', true);
      insert into app.todos values (5, 'b', 7, 'DONE', null), (3, 'a', 7, 'IN_PROGRESS', null), (9, 'gone', 7, 'TODO', now()), (10, 'of gone', 8, 'TODO', null)`,
    args: ['--tasks', 'app.todos'],
    user: '7',
    titles: ['a', 'b'],
    statuses: [IN_PROGRESS, COMPLETED],
    created: '',
    says: [
      '2 marked as deleted by deletedAt',
      '1 marked as deleted by isDeleted',
      'the time of the import',
      'people',
    ],
    canLogin: false,
  },
  'quoted names, a numbered status beside the completion, a time of deletion in milliseconds': {
    sql: `
      create table "User" (id serial primary key, email text, password text);
      create table "Task" (id serial primary key, title text not null, status int, "isCompleted" boolean not null, "userId" int references "User", "deletedAt" bigint);
      insert into "User" (email, password) values ('ada@example.com', '{bcrypt}${bcrypt}');
      insert into "Task" (title, status, "isCompleted", "userId", "deletedAt") values ('a', 1, true, 1, null), ('b', 1, false, 1, null), ('gone', 1, true, 1, 1768082528700)`,
    args: ['--tasks', '"Task"'],
    user: '1',
    titles: ['a', 'b'],
    statuses: [COMPLETED, PENDING],
    created: '',
    says: ['because another column is read, or none of this type: status (integer)', '1 marked as deleted'],
    canLogin: true,
  },
  'owners by their name, without a foreign key': {
    sql: `
      create table users (id serial primary key, username text unique, email text, hashed_password text);
      create table tasks (id serial primary key, title text, username text, done boolean);
      insert into users (username, email, hashed_password) values ('ada', 'ada@example.com', '${bcrypt}');
      insert into tasks (title, username) values ('a', 'ada'), ('b', 'ada')`,
    args: ['--user-id', 'username'],
    user: 'ada',
    titles: ['a', 'b'],
    statuses: [PENDING, PENDING],
    created: '',
    says: ['username (text), a user by username'],
    canLogin: true,
  },
  'owners by their email, without a foreign key, whose number is the subject': {
    sql: `
      create table users (id serial primary key, email text, hashed_password text);
      create table tasks (id serial primary key, title text, owner_email text, completed boolean);
      insert into users (email, hashed_password) values ('ada@example.com', '${bcrypt}');
      insert into tasks (title, owner_email, completed) values ('a', 'ada@example.com', true), ('b', 'ada@example.com', false)`,
    user: '1',
    titles: ['a', 'b'],
    statuses: [COMPLETED, PENDING],
    created: '',
    says: ['owner_email (text), a user by email'],
    canLogin: true,
  },
}

let transfer: Transfer
beforeAll(async () => {
  transfer = await startTransfer()
}, 60_000)
afterAll(() => transfer.remove())

describe.each(Object.entries(cases))(
  '%s',
  (_, { sql, args = [], user, titles, statuses, created, says, canLogin }) => {
    let source: string
    let env: Record<string, string>

    beforeAll(async () => {
      source = await transfer.source(sql)
      env = { DATABASE_URL: await transfer.target() }
    }, 60_000)

    test('is shown, and nothing is changed', async () => {
      const { exitCode, stdout, stderr } = await transfer.run(['import', source, ...args], env)
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stdout).toContain(`${titles.length} rows to copy`)
      for (const text of says) expect(stdout).toContain(text)
      expect(stdout).toContain('Nothing was changed.')
      expect(await transfer.rows(env.DATABASE_URL as string, 'select from users')).toEqual([])
    }, 60_000)

    test('is copied with --apply', async () => {
      const { exitCode, stdout, stderr } = await transfer.run(['import', source, '--apply', ...args], env)
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stdout).toContain(`Stored: 1 user, ${titles.length} tasks, 0 idempotency keys.`)
      const stored = await transfer.rows<{
        title: string
        status: string
        user_id: string
        created_at: string
      }>(env.DATABASE_URL as string, 'select user_id, title, status, created_at from tasks order by id')
      expect(stored.map(({ title }) => title)).toEqual(titles)
      expect(stored.map(({ status }) => status)).toEqual(statuses)
      expect(new Set(stored.map(({ user_id }) => user_id))).toEqual(new Set([user]))
      if (created) expect(stored[0]?.created_at).toBe(created)
    }, 60_000)

    test('is refused the second time', async () => {
      const { exitCode, stderr } = await transfer.run(['import', source, '--apply', ...args], env)
      expect(exitCode).toBe(1)
      expect(stderr).toContain(`users who have tasks in the target already: 1 (${JSON.stringify(user)})`)
      expect(await transfer.rows(env.DATABASE_URL as string, 'select from tasks')).toHaveLength(titles.length)
    }, 60_000)

    test('goes on in the service: the next task, and logins where they can', async () => {
      await using service = await startService({ ...env, BETTER_AUTH_SECRET: SECRET })
      await service.ready()
      const client = clientFor(service.url, user)
      const largest = Math.max(...(await client.listAll()).map(({ id }) => id))
      const created = await client.create('new')
      expect(created.status).toBe(201)
      expect(created.json.id).toBe(largest + 1)
      const login = await fetch(`${service.url}/api/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email: 'Ada@example.com', password: PASSWORD }),
      })
      expect(login.status).toBe(canLogin ? 200 : 401)
      if (canLogin) expect(await login.json()).toMatchObject({ user: { id: user, email: 'ada@example.com' } })
    }, 60_000)
  },
)

test('a long title stands whole at the top of the description', async () => {
  const title = 'y'.repeat(255)
  const source = await transfer.source(`
    create table users (id text primary key);
    create table tasks (id int primary key, user_id text, title text, description text);
    insert into users values ('u'); insert into tasks values (1, 'u', '${title}', 'more'), (2, 'u', '${title}', repeat('z', 9999))`)
  const DATABASE_URL = await transfer.target()
  const { stdout } = await transfer.run(['import', source, '--apply'], { DATABASE_URL })
  expect(stdout).toContain('descriptions over 10,000 characters: cut at the end: 1 (task 2)')
  expect(stdout).toContain('no column for it: all are pending')
  const rows = await transfer.rows(DATABASE_URL, 'select title, description from tasks order by id')
  expect(rows).toEqual([
    { title: title.slice(0, 200), description: `${title}\n\nmore` },
    { title: title.slice(0, 200), description: `${title}\n\n${'z'.repeat(10_000 - 257)}` },
  ])
}, 60_000)

test('texts of any length are read as far as they can be stored', async () => {
  const source = await transfer.source(`
    create table users (id text primary key, email text);
    create table tasks (id int primary key, user_id text, title text, description text);
    insert into users values ('u', 'u@example.com' || repeat(' ', 20000000));
    insert into tasks select number, 'u', repeat('t', 500000), repeat('d', 500000) from generate_series(1, 100) as number;
    insert into tasks values (101, 'u', 'long', repeat('😀', 20000000));
    insert into tasks values (102, 'u', repeat(' ', 20000000) || 'spaced' || repeat(' ', 20000000), null)`)
  const DATABASE_URL = await transfer.target()
  const { exitCode, stdout, stderr } = await transfer.run(['import', source, '--apply'], { DATABASE_URL })
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toContain('titles over 200 characters: cut, and whole at the top of the description: 100 (')
  expect(stdout).toContain('descriptions over 10,000 characters: cut at the end: 101 (')
  const rows = await transfer.rows(
    DATABASE_URL,
    'select title, description from tasks where id >= 100 order by id',
  )
  expect(rows).toEqual([
    { title: 't'.repeat(200), description: 't'.repeat(10_000) },
    { title: 'long', description: '😀'.repeat(10_000) },
    { title: 'spaced', description: null },
  ])
  expect(await transfer.rows(DATABASE_URL, 'select email from users')).toEqual([{ email: 'u@example.com' }])
}, 60_000)

test('texts of any length are compared by their beginning, and told of', async () => {
  const source = await transfer.source(`
    create table users (id text primary key);
    create table tasks (id int, user_id text, title text, status text);
    insert into users values ('u');
    insert into tasks select number, 'u', 'title', repeat('s', 1000000) from generate_series(1, 100) as number`)
  const { stderr } = await transfer.run(['import', source], { DATABASE_URL: await transfer.target() })
  expect(stderr).toContain(
    `tasks with a status that cannot be understood: 100 (task 1 ("${'s'.repeat(60)}…")`,
  )
}, 60_000)

test('a long text in SQL_ASCII is cut between its characters', async () => {
  const name = 'bytes'
  await transfer.server.psql(
    `create database ${name} owner todo encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0`,
  )
  await transfer.server.psql(
    `set role todo; create table users (id text primary key);
     create table tasks (id int primary key, user_id text, title text, description text);
     insert into users values ('u');
     insert into tasks select number, 'u', repeat('t', number) || repeat('é', 100000), repeat('t', number) || repeat('😀', 100000) from generate_series(1, 4) as number`,
    name,
  )
  const DATABASE_URL = await transfer.target()
  const { exitCode, stderr } = await transfer.run(['import', transfer.server.url(name), '--apply'], {
    DATABASE_URL,
  })
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const rows = await transfer.rows(DATABASE_URL, 'select title, description from tasks order by id')
  const cut = (number: number, length: number) => 't'.repeat(number) + 'é'.repeat(length - number)
  expect(rows).toEqual(
    [1, 2, 3, 4].map((number) => ({ title: cut(number, 200), description: cut(number, 10_000) })),
  )
}, 60_000)

test('tables beside those of the target are copied within one database', async () => {
  const url = await transfer.source(
    cases['integer ids, strings for users, bcrypt, times without a zone']?.sql ?? '',
  )
  const refused = await transfer.run(['import', url], { DATABASE_URL: url })
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toContain('table tasks (5 rows)')
  const env = { DATABASE_URL: url, DATABASE_SCHEMA: 'todo' }
  expect((await transfer.run(['migrate'], env)).exitCode).toBe(0)
  const { exitCode, stdout, stderr } = await transfer.run(['import', url, '--apply'], env)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toContain('Stored: 1 user, 5 tasks')
  expect(await transfer.rows(url, 'select from todo.tasks')).toHaveLength(5)
}, 60_000)

test('a user who is in the target without tasks is taken over, with the email and the hash of the source', async () => {
  const url = await transfer.target()
  await transfer.server.psql("insert into users (id) values ('u-ada')", new URL(url).pathname.slice(1))
  const source = await transfer.source(cases['singular names, no foreign key, a column more']?.sql ?? '')
  const { stdout } = await transfer.run(['import', source, '--apply'], { DATABASE_URL: url })
  expect(stdout).toContain('in the target already, without tasks, and taken over: 1')
  expect(await transfer.rows(url, 'select id, email, password_hash from users')).toEqual([
    { id: 'u-ada', email: 'ada@example.com', password_hash: bcrypt },
  ])
}, 60_000)
