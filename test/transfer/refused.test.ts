import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { contentOf, startTransfer, type Transfer } from '../support/transfer.ts'

/** Sources and targets that cannot be used: each is told of, and nothing is done. */

const PATIENCE_MS = 60_000
let transfer: Transfer
let target: string
let before: string

beforeAll(async () => {
  transfer = await startTransfer()
  target = await transfer.target()
  await transfer.server.psql(
    "insert into users (id, email) values ('here', 'Taken@example.com'); insert into tasks (user_id, title) values ('here', 'x')",
    new URL(target).pathname.slice(1),
  )
  before = await contentOf(transfer, target)
}, PATIENCE_MS)
afterAll(() => transfer.remove())

const tables = (columns: string) => `
  create table users (id text, email text, created_at timestamp default '2026-01-01', other text);
  create table tasks (${columns});
  insert into users (id, email) values ('u', 'u@example.com');`
const TASKS = tables(
  "id bigint, user_id text default 'u', title text default 'a title', description text, status text default 'pending', created_at timestamptz default now()",
)

/** What must not be copied, and what is said about it, with and without --apply. */
const refused: [title: string, sql: string, says: string[], args?: string[]][] = [
  [
    'an unknown status',
    `${TASKS} insert into tasks (id, status) values (3, 'archived'), (4, 'pending')`,
    ['tasks with a status that cannot be understood: 1 (task 3 ("archived"))'],
  ],
  [
    'a status in numbers',
    tables('id int, user_id text, title text, status int'),
    ['Column status of public.tasks is of type integer'],
  ],
  [
    'an owner who is no user',
    `${TASKS} insert into tasks (id, user_id) values (3, 'nobody'), (4, null)`,
    ['tasks of an owner who is no user: 2 (task 3 of "nobody", task 4 of null)'],
  ],
  [
    'emails equal but for case',
    `${TASKS} insert into users (id, email) values ('v', 'U@Example.com')`,
    ['emails of more than one user, but for case: 1 ("u@example.com")'],
  ],
  [
    'an email that another user of the target has',
    `${TASKS} insert into users (id, email) values ('v', 'taken@Example.com')`,
    ['emails that another user of the target has: 1 ("taken@Example.com")'],
  ],
  [
    'a user who has tasks in the target',
    `${TASKS} insert into users (id) values ('here')`,
    ['users who have tasks in the target already: 1 ("here")'],
  ],
  [
    'a blank title',
    `${TASKS} insert into tasks (id, title) values (3, E' \\u3000\\t'), (4, null)`,
    ['tasks with a blank title: 2 (task 3, task 4)'],
  ],
  [
    'ids out of range',
    `${TASKS} insert into tasks (id) values (0), (-1), (9007199254740991), (9223372036854775807)`,
    ['tasks with an id that is not from 1 to 9007199254740990: 4'],
  ],
  ['an id twice', `${TASKS} insert into tasks (id) values (3), (3)`, ['ids of more than one task: 1 ("3")']],
  [
    'emails equal but for white space',
    `${TASKS} insert into users (id, email) values ('v', E'\\tu@example.com ')`,
    ['emails of more than one user, but for case: 1 ("u@example.com")'],
  ],
  ['a user twice', `${TASKS} insert into users (id) values ('u')`, ['ids of more than one user: 1 ("u")']],
  [
    'times out of range',
    `${TASKS} insert into tasks (id, created_at) values (3, 'infinity'), (4, '0044-03-15 BC'), (5, '10000-01-01')`,
    ['tasks with a time that is not in the years 1 to 9999: 3 (task 3, task 4, task 5)'],
  ],
  [
    'a time that is no time',
    `${tables('id int, user_id text, title text, created_at text')} insert into tasks values (1, 'u', 'x', 'yesterday or so')`,
    ['invalid input syntax for type timestamp with time zone', 'Nothing was stored.'],
  ],
  [
    'an id of a user that no token may have',
    `${TASKS} insert into users (id) values (E'a\\nb'), (repeat('x', 256)), (null)`,
    ['users whose id no token may have (1 to 255 characters, no control characters): 3 (user "a\\nb"'],
  ],
  [
    'missing columns',
    tables('number int, name text, who text'),
    [
      'Table public.tasks cannot be read as tasks: it has no id, and no title in text, and no owner',
      'number (integer), name (text)',
    ],
  ],
  [
    'no task table',
    'create table "user" (id text primary key, email text); create table notes (id int, title text)',
    ['The source has no task table', '--tasks public.notes'],
  ],
  [
    "a shop's users",
    'create table users (id serial primary key, email text not null, stripe_customer text); create table orders (id int, user_id int references users)',
    ['The source has no task table'],
  ],
  [
    'both task and tasks',
    `${TASKS} create table task (id int, title text)`,
    ['More than one table may have the tasks: public.task, public.tasks', '--tasks'],
  ],
  [
    'both user and users, and nothing that leads to one',
    `${TASKS} create table "user" (id text)`,
    ['More than one table may have the users: public.user, public.users', '--users'],
  ],
  ['a table that is not there', TASKS, ['--tasks: the source has no table nothing'], ['--tasks', 'nothing']],
  [
    'a column that is not there',
    TASKS,
    ['--user-id: public.users has no column nothing'],
    ['--user-id', 'nothing'],
  ],
]

describe('a source is refused', () => {
  test.each(refused)(
    'with %s',
    async (_, sql, says, args = []) => {
      const source = await transfer.source(sql)
      for (const apply of [[], ['--apply']]) {
        const { exitCode, stderr } = await transfer.run(['import', source, ...apply, ...args], {
          DATABASE_URL: target,
        })
        expect(exitCode).toBe(1)
        for (const text of says) expect(stderr).toContain(text)
        expect(stderr).not.toMatch(/\n +at /)
      }
      expect(await contentOf(transfer, target)).toBe(before)
    },
    PATIENCE_MS,
  )

  test(
    'with text that is not UTF-8',
    async () => {
      const name = 'broken_text'
      await transfer.server.psql(
        `create database ${name} owner todo encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0`,
      )
      await transfer.server.psql(
        `set role todo; ${TASKS} insert into tasks (id, title) values (3, E'caf\\xe9'), (4, E'caf\\xc3\\xa9')`,
        name,
      )
      const { exitCode, stderr } = await transfer.run(['import', transfer.server.url(name), '--apply'], {
        DATABASE_URL: target,
      })
      expect(exitCode).toBe(1)
      expect(stderr).toContain('tasks with text that is broken (no UTF-8, or a NUL character): 1 (task 3)')
      expect(await contentOf(transfer, target)).toBe(before)
    },
    PATIENCE_MS,
  )

  test.each([
    ['tasks', TASKS],
    ['users', TASKS],
    ['users', 'create table users (id text primary key); create table tasks (user_id text references users)'],
  ])(
    'whose table of %s may not be read, which is not taken for none',
    async (table, sql) => {
      const source = await transfer.source(sql)
      await transfer.server.psql(`alter table ${table} owner to postgres`, new URL(source).pathname.slice(1))
      const { exitCode, stderr } = await transfer.run(['import', source, '--apply'], { DATABASE_URL: target })
      expect(exitCode).toBe(1)
      expect(stderr).toContain(`Table public.${table} of the source may not be read: grant select on it`)
      expect(await contentOf(transfer, target)).toBe(before)
    },
    PATIENCE_MS,
  )

  test(
    'that is the target',
    async () => {
      const other = new URL(target)
      other.searchParams.set('application_name', 'other')
      for (const source of [target, other.href]) {
        const { exitCode, stderr } = await transfer.run(['import', source, '--apply'], {
          DATABASE_URL: target,
        })
        expect(exitCode).toBe(1)
        expect(stderr).toContain('The source is the target')
      }
      const { exitCode, stderr } = await transfer.run(['import', target, '--tasks', 'public.tasks'], {
        DATABASE_URL: target,
      })
      expect(exitCode).toBe(1)
      expect(stderr).toContain('The source is the target')
    },
    PATIENCE_MS,
  )

  test(
    'that cannot be opened, and its password is not shown',
    async () => {
      await mkdir(join(transfer.directory, 'empty'), { recursive: true })
      const wrong = new URL(target)
      wrong.password = 'not-the-password'
      const sources: [string, string][] = [
        ['empty', '"empty" is neither a directory of the embedded database'],
        ['nowhere', '"nowhere" is neither'],
        ['', '"" is neither'],
        [wrong.href, 'wrong user or password'],
        ['postgresql://todo:hidden@127.0.0.1:1/x', 'ECONNREFUSED'],
        ['mysql://todo:hidden@127.0.0.1/x', 'The source is'],
      ]
      for (const [source, says] of sources) {
        const { exitCode, stderr } = await transfer.run(['import', source], { DATABASE_URL: target })
        expect(exitCode).toBe(1)
        expect(stderr).toContain(says)
        expect(stderr).not.toMatch(/hidden|not-the-password|\n +at /)
      }
    },
    PATIENCE_MS,
  )

  test('of two', async () => {
    const { exitCode, stderr } = await transfer.run(['import', '.data', '.other'], { DATABASE_URL: target })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('".other" is one argument too many')
  })
})

test('names in a source, and what it says, do not act on the terminal', async () => {
  const source = await transfer.source(`${TASKS} alter table tasks add "x\u001b]0;evil\u0007" text`)
  const plan = await transfer.run(['import', source], { DATABASE_URL: target })
  expect(plan.output).toContain('x\\u001b]0;evil\\u0007')
  expect(plan.output).not.toContain('\u001b')
  const refusal = await transfer.run(['import', source, '--tasks', 'no\u001b[2J'], { DATABASE_URL: target })
  expect(refusal.output).toContain('no table no\\u001b[2J')
  expect(refusal.output).not.toContain('\u001b')
})

describe('a target is refused', () => {
  test(
    'that is not migrated: a server, or an embedded database that is not made for it',
    async () => {
      const source = await transfer.source(TASKS)
      const server = await transfer.run(['import', source, '--apply'], {
        DATABASE_URL: await transfer.server.createDatabase(),
      })
      expect(server.exitCode).toBe(1)
      expect(server.stderr).toContain('Run bun run migrate first')
      const embedded = await transfer.run(['import', source, '--apply'], { DATA_DIR: 'not-there' })
      expect(embedded.exitCode).toBe(1)
      expect(embedded.stderr).toBe(
        'There is no embedded database in not-there yet. Run bun run migrate first, with the same configuration.\n',
      )
      expect(await Bun.file(join(transfer.directory, 'not-there')).exists()).toBe(false)
    },
    PATIENCE_MS,
  )

  test(
    'that takes no writes',
    async () => {
      const source = await transfer.source(`${TASKS} insert into tasks (id) values (3)`)
      const url = await transfer.target()
      const name = new URL(url).pathname.slice(1)
      await transfer.server.psql(`alter database ${name} set default_transaction_read_only = on`)
      const { exitCode, stderr } = await transfer.run(['import', source, '--apply'], { DATABASE_URL: url })
      expect(exitCode).toBe(1)
      expect(stderr).toContain('read-only transaction (25006). Nothing was stored.')
      expect(await transfer.rows(url, 'select from users')).toEqual([])
    },
    PATIENCE_MS,
  )

  test(
    'whose role may not raise the ids, before anything is read, with the grant that helps',
    async () => {
      const source = await transfer.source(`${TASKS} insert into tasks (id) values (3)`)
      const url = await transfer.target()
      const name = new URL(url).pathname.slice(1)
      await transfer.server.psql(
        `create role "Writer" login password 'only-for-tests'; grant usage on schema public to "Writer";
         grant select, insert, update, delete on all tables in schema public to "Writer"`,
        name,
      )
      const env = { DATABASE_URL: url.replace('//todo:', '//Writer:') }
      const { exitCode, stdout, stderr } = await transfer.run(['import', source, '--apply'], env)
      const grant = 'grant select, update on sequence public.tasks_id_seq to "Writer";'
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
      expect(stderr).toContain('permission denied for sequence tasks_id_seq')
      expect(stderr).toContain(grant)
      await transfer.server.psql(grant, name)
      expect((await transfer.run(['import', source, '--apply'], env)).exitCode).toBe(0)
    },
    PATIENCE_MS,
  )
})
