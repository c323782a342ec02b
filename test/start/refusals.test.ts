import { describe, expect, test } from 'bun:test'
import { SECRET } from '../support/api.ts'
import { describeServer, useServer } from '../support/describe-server.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import type { PostgresServer } from '../support/postgres.ts'
import { runProgram } from '../support/program.ts'

/** A database that says no: the start ends at once, with what to do, and what it says to do helps. */

const PATIENCE_MS = 120_000

describeServer('a start that is refused', () => {
  let postgres: PostgresServer
  const directory = useServer((server) => (postgres = server))

  const migrate = (DATABASE_URL: string, env: Record<string, string> = {}) =>
    runProgram(['migrate'], { cwd: directory, env: { DATABASE_URL, ...env } })
  const serve = (DATABASE_URL: string, env: Record<string, string> = {}) =>
    runProgram([], {
      cwd: directory,
      env: { DATABASE_URL, HOST: '127.0.0.1', PORT: '0', BETTER_AUTH_SECRET: SECRET, ...env },
    })

  /** The reason, told with exit code 1. */
  const reasonOf = ({ exitCode, output }: { exitCode: number; output: string }): string => {
    expect(exitCode).toBe(1)
    expect(output).not.toContain('only-for-tests')
    expect(output).not.toMatch(/\n +at /)
    return /The database cannot be used: (.*)/.exec(output)?.[1] ?? output
  }

  describe('for its encoding', () => {
    test.each(['SQL_ASCII', 'LATIN1'])(
      'is told how to make a database of another one: %s',
      async (encoding) => {
        const name = `in_${encoding.toLowerCase()}`
        await postgres.psql(
          `create database ${name} encoding '${encoding}' locale 'C' template template0 owner todo`,
          'postgres',
        )
        const statement = `create database "${name}_utf8" encoding 'UTF8' locale 'C.UTF-8' template template0;`
        const reason = `its encoding is ${encoding}, which does not have every character; make one that has: ${statement}`
        expect(reasonOf(await migrate(postgres.url(name)))).toBe(reason)
        expect(reasonOf(await serve(postgres.url(name), { MIGRATE_ON_START: 'false' }))).toBe(reason)
        expect(await postgres.psql(`select count(*) from pg_tables where schemaname = 'public'`, name)).toBe(
          '0',
        )

        await postgres.psql(statement, name)
        await postgres.psql(`alter database ${name}_utf8 owner to todo`, 'postgres')
        expect(await migrate(postgres.url(`${name}_utf8`))).toMatchObject({ exitCode: 0 })
      },
      PATIENCE_MS,
    )
  })

  describe('by a pooler', () => {
    test(
      'ends at once, although the pooler has one code for all that it tells',
      async () => {
        await using pooler = await startPgBouncer({ upstream: postgres.url() })
        const of = async (url: string) => reasonOf(await serve(url, { DATABASE_PREPARE: 'false' }))
        expect(await of(`${pooler.url()}?options=-c%20statement_timeout%3D5`)).toBe(
          'unsupported startup parameter: options (08P01): leave options= out of DATABASE_URL, or name the server, not its pooler',
        )
        expect(await of(pooler.url('nowhere'))).toBe(
          'database "nowhere" does not exist (08P01): create it, or correct its name in DATABASE_URL',
        )
        expect(await of(pooler.url().replace('only-for-tests', 'wrong-pass-word'))).toBe(
          'SASL authentication failed (08P01): correct them in DATABASE_URL',
        )
      },
      PATIENCE_MS,
    )
  })

  describe('by the server', () => {
    test(
      'is told of the user, the password and the database',
      async () => {
        await postgres.psql(`create role "no login" password 'only-for-tests'`)
        expect(reasonOf(await migrate(postgres.url().replace('todo:', 'nobody:')))).toBe(
          'wrong user or password (28P01): correct them in DATABASE_URL',
        )
        expect(reasonOf(await migrate(postgres.url().replace('todo:', 'no%20login:')))).toBe(
          'role "no login" is not permitted to log in (28000): name a user in DATABASE_URL who may log in from here',
        )
        expect(reasonOf(await migrate(postgres.url('nowhere')))).toBe(
          'there is no such database (3D000): create it, or correct its name in DATABASE_URL',
        )
      },
      PATIENCE_MS,
    )
  })

  describe('for a missing privilege', () => {
    /** Does what each refusal says helps, until there is none; gives the reasons. */
    const doWhatHelps = async (database: string, start: () => ReturnType<typeof migrate>) => {
      const reasons: string[] = []
      for (let outcome = await start(); outcome.exitCode !== 0; outcome = await start()) {
        const reason = reasonOf(outcome)
        const [words = '', statements] = reason.split(': what helps: ')
        if (!statements || reasons.includes(words)) throw new Error(outcome.output)
        reasons.push(words)
        await postgres.psql(statements, database)
      }
      return reasons
    }

    const createRole = async (name: string) => {
      await postgres.psql(`create role "${name.replaceAll('"', '""')}" login password 'only-for-tests'`)
      return (url: string) => url.replace('todo:', `${encodeURIComponent(name)}:`)
    }

    test(
      'says so in PostgreSQL’s own words, with the statement that grants it: to an owner',
      async () => {
        const as = await createRole('an "owner"')
        const url = await postgres.createDatabase('owned')
        await postgres.psql('revoke connect on database owned from public', 'owned')
        expect(await doWhatHelps('owned', () => migrate(as(url)))).toEqual([
          'permission denied for database "owned" (42501)',
          'permission denied for schema public (42501)',
        ])
        expect(await doWhatHelps('owned', () => migrate(as(url), { DATABASE_SCHEMA: 'other' }))).toEqual([
          'permission denied for database owned (42501)',
        ])
      },
      PATIENCE_MS,
    )

    test(
      'says so to a role that only serves',
      async () => {
        const as = await createRole('service')
        const url = await postgres.createDatabase('served')
        expect(await migrate(url)).toMatchObject({ exitCode: 0 })
        await postgres.psql(
          'revoke usage on schema public from public; grant usage, create on schema public to todo',
          'served',
        )
        expect(await doWhatHelps('served', () => migrate(as(url)))).toEqual([
          'permission denied for schema public (42501)',
          'permission denied for table todo_backend_migrations (42501)',
        ])
        await postgres.psql('revoke insert, delete on tasks from service', 'served')
        expect(reasonOf(await serve(as(url), { MIGRATE_ON_START: 'false' }))).toBe(
          'permission denied for table tasks (42501): what helps: grant select, insert, update, delete on ' +
            '"public"."users", "public"."tasks", "public"."idempotency_keys", "public"."rate_limits" to "service"; ' +
            'grant select on "public"."todo_backend_migrations" to "service";',
        )
      },
      PATIENCE_MS,
    )
  })
})
