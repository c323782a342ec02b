import type { ClientSql } from './client.ts'
import type { Database } from './database.ts'
import { migrations } from './migration-files.ts'
import { errorCode, UNDEFINED_TABLE } from './sqlstate.ts'

/** When the newest migration of this program was made, in milliseconds since 1970: its name in the database. */
const newestMigration = Math.max(...migrations.map(({ folderMillis }) => folderMillis))

/** An arbitrary number; what matters is that every replica asks for the same lock. */
const MIGRATION_LOCK = 7_263_548_190

/** When the newest migration was made that the database has; 0 when it has none. */
const newestApplied = (sql: ClientSql) =>
  sql<[{ newest: number }]>`
    select coalesce(max(created_at), 0)::bigint as newest from drizzle.__drizzle_migrations`

const isUpToDate = ([{ newest }]: readonly [{ newest: number }]): boolean => newest >= newestMigration

const hasNoTables = (error: unknown): [{ newest: number }] => {
  if (errorCode(error) === UNDEFINED_TABLE) return [{ newest: 0 }]
  throw error
}

/**
 * Brings the tables up to date, one process at a time, and all or nothing.
 *
 * What was done is recorded where drizzle's own migrator does, in its form; that takes no lock, and when it loses
 * the connection, the driver's `begin` throws outside of any promise. The lock here lasts as long as the
 * transaction, which also holds behind a pooler in transaction mode.
 *
 * Tables that are up to date are only looked at, so that a service can start on a database that is read-only.
 *
 * @param sql one connection, to be destroyed when this fails: the transaction stays open then
 */
export const migrate = async (sql: ClientSql): Promise<void> => {
  if (isUpToDate(await newestApplied(sql).catch(hasNoTables))) return
  await sql`begin`
  await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`
  await sql`create schema if not exists drizzle`
  await sql`
    create table if not exists drizzle.__drizzle_migrations (
      id serial primary key, hash text not null, created_at bigint
    )`
  const [{ newest }] = await newestApplied(sql)
  for (const migration of migrations) {
    if (migration.folderMillis <= newest) continue
    for (const statement of migration.sql) await sql.unsafe(statement)
    await sql`
      insert into drizzle.__drizzle_migrations (hash, created_at)
      values (${migration.hash}, ${migration.folderMillis})`
  }
  await sql`commit`
}

/** True when the database has the tables this program was written for; one round trip. */
export const isMigrated = async ({ run }: Database): Promise<boolean> =>
  isUpToDate(await run(newestApplied, 'readiness'))
