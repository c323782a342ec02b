import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SECRET } from '../support/api.ts'
import { clientFor } from '../support/client.ts'
import { findPostgres, type PostgresServer } from '../support/postgres.ts'
import { startService } from '../support/process.ts'
import { startTransfer, type Transfer } from '../support/transfer.ts'

/**
 * Another role may create things in the schema `public`, as everybody may in databases that PostgreSQL 14 or older
 * made. Nothing that it puts there runs with the privileges of the service.
 */

const PATIENCE_MS = 60_000

/** A function that notes who runs it. */
const trap = (name: string, parameters: string, returns: string, result: string) => `
  create function ${name}(${parameters}) returns ${returns} language plpgsql as $$
    begin insert into loot values ('${name}(${parameters})', current_user); return ${result}; end $$;`

const trapOperator = (operator: string, left: string, right: string, returns: string, result: string) => {
  const name = `trap_${left}_${right}_${Buffer.from(operator).toString('hex')}`
  return `${trap(name, `a ${left}, b ${right}`, returns, result)}
    create operator ${operator} (leftarg = ${left}, rightarg = ${right}, function = ${name});`
}

/** What fits the arguments of a statement better than PostgreSQL's own would be taken in its place. */
const CLOSER_MATCHES = [
  trapOperator('||', 'name', 'name', 'text', 'a::text || b::text'),
  trapOperator('||', 'name', 'text', 'text', 'a::text || b'),
  trapOperator('||', 'text', 'name', 'text', 'a || b::text'),
  trapOperator('!~', 'name', 'name', 'boolean', 'a::text !~ b::text'),
  trapOperator('~*', 'name', 'name', 'boolean', 'a::text ~* b::text'),
  trapOperator('=', 'oid', 'integer', 'boolean', 'a = b::oid'),
  trapOperator('=', 'smallint[]', 'smallint[]', 'boolean', 'a::text = b::text').replaceAll(
    'trap_smallint[]_smallint[]',
    'trap_arrays',
  ),
  trap('lower', 'a name', 'text', 'lower(a::text)'),
  trap('unnest', 'a text[]', 'text', 'a[1]'),
  trap('format', 'a text, b text', 'text', "replace(a, '%I', b)"),
  trap('format', 'a text, b text, c text', 'text', "b || '.' || c"),
  trap('pg_advisory_xact_lock', 'a text', 'text', 'a'),
].join('')

const LOOT = 'create table loot (trap text, role name); grant insert on loot to public;'

describe.if(findPostgres() !== null)('what another role has planted', () => {
  let transfer: Transfer
  let server: PostgresServer

  beforeAll(async () => {
    transfer = await startTransfer()
    server = transfer.server
    await server.psql('create role mallory')
  }, PATIENCE_MS)
  afterAll(() => transfer.remove())

  /** A database in which mallory has made something. */
  const databaseWith = async (planted: string): Promise<{ url: string; name: string }> => {
    const url = await server.createDatabase()
    const name = new URL(url).pathname.slice(1)
    await server.psql(
      `grant create, usage on schema public to mallory; set role mallory; ${LOOT} ${planted}`,
      name,
    )
    return { url, name }
  }

  const lootIn = (name: string) => server.psql('select distinct * from loot order by 1', name)

  test(
    'functions and operators are not called by the service',
    async () => {
      const { url, name } = await databaseWith(CLOSER_MATCHES)
      await using service = await startService({ DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET })
      await service.ready()
      const ada = clientFor(service.url, 'ada-id')
      expect((await ada.create('mine')).status).toBe(201)
      expect(await ada.listAll()).toHaveLength(1)
      expect(await lootIn(name)).toBe('')
    },
    PATIENCE_MS,
  )

  test(
    'functions and operators are not called by an import',
    async () => {
      const target = await databaseWith(CLOSER_MATCHES)
      const source = await databaseWith(CLOSER_MATCHES)
      await server.psql(
        `set role todo; create schema app;
         create table app.users (id integer primary key, email text);
         create table app.tasks (id integer primary key, title text, user_id integer references app.users);
         insert into app.users values (1, 'ada@example.com'); insert into app.tasks values (1, 'mine', 1);`,
        source.name,
      )
      const migrated = await transfer.run(['migrate'], { DATABASE_URL: target.url })
      expect(migrated.exitCode).toBe(0)
      const { output } = await transfer.run(['import', source.url, '--apply'], { DATABASE_URL: target.url })
      expect(output).toContain('Stored: 1 user, 1 task')
      expect(await lootIn(source.name)).toBe('')
      expect(await lootIn(target.name)).toBe('')
    },
    PATIENCE_MS,
  )

  test(
    'policies of its tables do not run',
    async () => {
      const { url, name } = await databaseWith(`
      ${trap('policy', '', 'boolean', 'true')}
      create table todo (id integer, user_id text, title text);
      insert into todo values (1, 'mallory', 'hers');
      alter table todo enable row level security;
      create policy trap on todo using (policy());
      grant select on todo to public;`)
      await using service = await startService({ DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET })
      await service.ready()
      expect(service.log.join('\n')).toContain(
        'table todo in schema public looks like the tasks of another backend',
      )
      expect(await lootIn(name)).toBe('')
    },
    PATIENCE_MS,
  )

  test(
    'an empty journal is not taken for the service’s own',
    async () => {
      const { url, name } = await databaseWith(`
      ${trap('written', '', 'trigger', 'new')}
      create table todo_backend_migrations (
        hash text primary key, name text not null, applied_at timestamptz not null default now());
      grant all on todo_backend_migrations to public;
      create trigger trap before insert on todo_backend_migrations for each row execute function written();`)
      const { exitCode, output } = await transfer.run(['migrate'], { DATABASE_URL: url })
      expect(output).toContain('table todo_backend_migrations (0 rows)')
      expect(exitCode).toBe(1)
      expect(await lootIn(name)).toBe('')
    },
    PATIENCE_MS,
  )
})
