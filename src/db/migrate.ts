import { commandLine } from '../invocation.ts'
import type { ClientSql } from './client.ts'
import { readTableState, type TableState } from './journal.ts'
import { type Migration, migrations } from './migration-files.ts'
import { describeNeighbour, findUnreadTasks, type Neighbour } from './neighbours.ts'
import type { Tables } from './tables.ts'

/** An arbitrary number, the same for every replica. */
const MIGRATION_LOCK = 7_263_548_190

/** The tables cannot be created, or are not this service's. The message says what to do. */
export class MigrationError extends Error {
  readonly lines: string[]
  constructor(lines: string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

/**
 * Checks the tables without changing anything.
 *
 * @throws {MigrationError} when a name that this service needs is taken by another program, or when one of its tables is
 *   missing
 */
export const checkTables = async (sql: ClientSql, tables: Tables): Promise<TableState> => {
  const state = await readTableState(sql, tables)
  if (state.taken.length > 0) throw new MigrationError(describeTaken(tables.schema, state.taken))
  if (state.missing.length > 0) throw new MigrationError(describeMissing(tables.schema, state.missing))
  return state
}

const describeTaken = (schema: string, taken: Neighbour[]): string[] => [
  `Schema ${schema} of the database has what todo-backend did not make, under names that it needs:`,
  ...taken.map((one) => `  ${describeNeighbour(one)}`),
  'Nothing was changed. There are three ways on:',
  '  set DATABASE_SCHEMA, for example to "todo": this service keeps its tables there, beside the others;',
  `  copy users and tasks out of those tables (${commandLine('import <source>')}), into such a schema or another database;`,
  '  set DATABASE_URL to another database.',
]

const describeMissing = (schema: string, missing: string[]): string[] => [
  `Tables that todo-backend made in schema ${schema} are gone, or others have taken their place: ${missing.join(', ')}.`,
  'Nothing was changed. Restore them from a backup. To begin with empty tables, drop what is left of them, and the',
  'table todo_backend_migrations.',
]

/** The result of {@link migrate}, for the log. */
export interface MigrationOutcome {
  made: Migration[]
  /** Tables that look like another backend's tasks. Only looked for when the first tables are created. */
  unread: Neighbour[]
}

/**
 * Brings the tables up to date in one transaction, one process at a time. Migrations are recorded in a journal beside the
 * tables. drizzle's journal cannot be used: all programs of a database share it, and its migrator skips migrations older
 * than the newest row, even if another program wrote that row.
 *
 * The lock belongs to the transaction, so that it also works behind a pooler in transaction mode. Tables that are up to
 * date are only read, so that a service starts on a read-only database and with a role that may not create anything.
 *
 * @param sql one connection; the caller destroys it on failure, because the transaction is still open
 * @throws {MigrationError} see {@link checkTables}
 */
export const migrate = async (sql: ClientSql, tables: Tables): Promise<MigrationOutcome> => {
  if ((await checkTables(sql, tables)).pending.length === 0) return { made: [], unread: [] }
  await sql`begin`
  await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK}::bigint)`
  const { pending, isTakenOver } = await checkTables(sql, tables)
  const isFirst = pending.length === migrations.length
  await createSchema(sql, tables)
  // Migrations do not name the schema, so that they work in any.
  await sql`select set_config('search_path', quote_ident(${tables.schema}), true)`
  await sql`
    create table if not exists ${tables.journal} (
      hash text primary key, name text not null, applied_at timestamptz not null default now()
    )`
  if (isTakenOver) await record(sql, tables, migrations[0] as Migration)
  for (const migration of pending) {
    for (const statement of migration.statements) await sql.unsafe(statement)
    await record(sql, tables, migration)
  }
  await sql`commit`
  // After the commit: an error in another program's table must not roll it back.
  return { made: pending, unread: isFirst ? await findUnreadTasks(sql) : [] }
}

const createSchema = async (sql: ClientSql, { schema }: Tables): Promise<void> => {
  // "create schema if not exists" needs the privilege to create schemas even if this one exists.
  const [found] = await sql`select from pg_namespace where nspname = ${schema}`
  if (!found) await sql`create schema ${sql(schema)}`
}

const record = (sql: ClientSql, { journal }: Tables, { hash, name }: Migration) =>
  sql`insert into ${journal} (hash, name) values (${hash}, ${name})`
