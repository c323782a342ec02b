import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SECRET } from '../support/api.ts'
import { startTransfer, type Transfer } from '../support/transfer.ts'

/** Names and values of others, which commands show, cannot begin a line or act on the terminal. */

const PATIENCE_MS = 60_000
let transfer: Transfer
let target: string
beforeAll(async () => {
  transfer = await startTransfer()
  target = await transfer.target()
}, PATIENCE_MS)
afterAll(() => transfer.remove())

/** A line break, and what else is not to be seen: of each general category, and of each plane, one. */
const INVISIBLE = '\n\u001b\u0085\u2028\u202e\u{e0041}'
const ESCAPED = '(?:\\\\n|\\\\u000a)\\\\u001b\\\\u0085\\\\u2028\\\\u202e\\\\udb40\\\\udc41'

interface Shown {
  /** A database with what this makes, to which the arguments are given. */
  sql?: string
  /** Beside that, as the superuser. */
  more?: string
  args: (url: string) => string[]
  /** Of the command; by default the target is configured. */
  env?: (url: string) => Record<string, string>
  exitCode: number
  says: string
}

/** What is shown, with a text at the end of all names and values, which are understood without it. */
const shown = (x: string): Record<string, Shown> => {
  const tables = `
    create schema "s${x}";
    create type "s${x}"."state${x}" as enum ('done');
    create table "s${x}".users ("id${x}" text primary key, "email${x}" text, "password${x}" text, "created${x}" timestamp default '2026-01-01', "deleted${x}" boolean, "active${x}" boolean default false, "other${x}" int);
    create table "s${x}".tasks ("id${x}" text primary key, "owner${x}" text references "s${x}".users, "title${x}" text, "description${x}" text, "status${x}" text, "done${x}" text, "created${x}" timestamp default '2026-01-01', "updated${x}" text, "deleted${x}" boolean, "other${x}" int, "complete${x}" "s${x}"."state${x}");`
  const source = (...statements: string[]) =>
    [tables, ...statements.map((statement) => `${statement.replaceAll('TABLE', `"s${x}".`)};`)].join('\n')
  const from = (url: string) => ['import', url]
  const user = `insert into TABLEusers values ('u', 'e${x}', '$argon2${x}')`
  return {
    'the plan of an import': {
      sql: source(
        `insert into TABLEusers values ('u${x.replaceAll(/\p{Cc}/gu, '')}', 'e${x}', '$argon2${x}')`,
      ),
      args: from,
      exitCode: 0,
      says: 'Nothing was changed.',
    },
    'values that an import cannot read': {
      sql: source(
        user,
        `insert into TABLEusers values ('v${x}'), (repeat('x', 256)), ('w'), ('x')`,
        `update TABLEusers set "email${x}" = 'same${x}' where "id${x}" in ('w', 'x')`,
        `insert into TABLEtasks values ('1${x}', 'u', 't', null, 'unknown${x}', 'done${x}'), ('2${x}', 'u', ' ', null, null, null)`,
      ),
      args: from,
      exitCode: 1,
      says: 'Nothing was done, because this cannot be copied:',
    },
    'what the database says of a value': {
      sql: source(
        user,
        `insert into TABLEtasks values ('1', 'u', 't'); update TABLEtasks set "updated${x}" = 'never${x}'`,
      ),
      args: from,
      exitCode: 1,
      says: 'invalid input syntax',
    },
    'a table without what is needed': {
      sql: `create schema "s${x}"; create table "s${x}".tasks ("number${x}" int, "name${x}" text)`,
      args: from,
      exitCode: 1,
      says: 'cannot be read as tasks',
    },
    'tables that may have the tasks': {
      sql: `create schema "s${x}"; create table "s${x}".tasks (id int); create table "s${x}".task (id int)`,
      args: from,
      exitCode: 1,
      says: 'More than one table may have the tasks',
    },
    'a table that may have the tasks by its title': {
      sql: `create schema "s${x}"; create table "s${x}"."notes${x}" (title text)`,
      args: from,
      exitCode: 1,
      says: 'With a title there is',
    },
    'a table that may not be read': {
      sql: tables,
      more: `alter table "s${x}".tasks owner to postgres`,
      args: from,
      exitCode: 1,
      says: 'may not be read',
    },
    'options that name nothing': {
      sql: tables,
      args: (url) => ['import', url, '--tasks', `none${x}`],
      exitCode: 1,
      says: '--tasks: the source has no table none',
    },
    'a source that is none': {
      args: () => ['import', `nowhere${x}`],
      exitCode: 1,
      says: 'is neither a directory',
    },
    'tasks of another backend, after a migration': {
      sql: `${tables} insert into "s${x}".users values ('u'); insert into "s${x}".tasks values ('1', 'u', 't');
        alter table "s${x}".tasks rename "title${x}" to title; alter table "s${x}".tasks rename "owner${x}" to owner`,
      args: () => ['migrate'],
      env: (url) => ({ DATABASE_URL: url }),
      exitCode: 0,
      says: 'looks like the tasks of another backend',
    },
    'a user who is not there to be erased': {
      args: () => ['erase', `nobody${x}`],
      exitCode: 1,
      says: 'There is no user',
    },
    'a command that does not exist': { args: () => [`what${x}`], exitCode: 2, says: 'There is no command' },
    'an option that does not exist': { args: () => [`--what${x}`], exitCode: 2, says: 'usage:' },
  }
}

const [visible, hostile] = [shown('-'), shown(INVISIBLE)]

const run = async ({ sql = '', more, args, env, exitCode, says }: Shown) => {
  const url = await transfer.source(sql)
  if (more) await transfer.server.psql(more, new URL(url).pathname.slice(1))
  const outcome = await transfer.run(args(url), env?.(url) ?? { DATABASE_URL: target })
  expect(outcome.output).toContain(says)
  expect(outcome.exitCode).toBe(exitCode)
  return outcome.output.split('\n')
}

describe('invisible characters are escaped, and begin no line, in', () => {
  test.each(Object.entries(hostile))(
    '%s',
    async (name, one) => {
      const lines = await run(one)
      expect(lines.filter((line) => /[\p{C}\u2028\u2029]/u.test(line))).toEqual([])
      expect(lines.join('\n')).toMatch(new RegExp(ESCAPED))
      expect(lines.length).toBe((await run(visible[name] as Shown)).length)
    },
    PATIENCE_MS,
  )

  test(
    'the name of a database that is refused',
    async () => {
      const refusal = async (args: string[], name: string) => {
        const url = new URL(target)
        url.pathname = encodeURIComponent(name)
        const env = { DATABASE_URL: url.href, BETTER_AUTH_SECRET: SECRET, PORT: '0' }
        const { exitCode, output } = await transfer.run(args, env)
        expect(exitCode).toBe(1)
        return output.split('\n')
      }
      for (const name of ['d-', `d${INVISIBLE}`])
        await transfer.server.psql(
          `create database "${name}" owner todo encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0`,
        )
      for (const args of [[], ['migrate']]) {
        const lines = await refusal(args, `d${INVISIBLE}`)
        expect(lines.join('\n')).toMatch(new RegExp(ESCAPED))
        expect(lines.filter((line) => /[\p{C}\u2028\u2029]/u.test(line))).toEqual([])
        expect(lines.length).toBe((await refusal(args, 'd-')).length)
      }
    },
    PATIENCE_MS,
  )

  test(
    'the id of a user who is erased',
    async () => {
      const erase = async (id: string) => {
        await transfer.server.psql(
          `insert into users (id) values ('${id}')`,
          new URL(target).pathname.slice(1),
        )
        return (await transfer.run(['erase', id], { DATABASE_URL: target })).output
      }
      const [plain, escaped] = [await erase('u-'), await erase(`u${INVISIBLE}`)]
      expect(escaped.replace(new RegExp(ESCAPED), '-')).toBe(plain)
    },
    PATIENCE_MS,
  )
})
