import { PgDialect, type PgSession } from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/postgres-js'
import type { ClientSql } from './client.ts'
import type { Database } from './database.ts'
import { migrations } from './migration-files.ts'
import { errorCode, UNDEFINED_TABLE } from './sqlstate.ts'

/** When the newest migration of this program was made, in milliseconds since 1970: its name in the database. */
const newestMigration = Math.max(...migrations.map(({ folderMillis }) => folderMillis))

/** An arbitrary number; what matters is that every replica asks for the same lock. */
const MIGRATION_LOCK = 7_263_548_190

const newestApplied = (sql: ClientSql) =>
  sql<{ newest: string | null }[]>`select max(created_at) as newest from drizzle.__drizzle_migrations`

const isUpToDate = ([row]: { newest: string | null }[]): boolean => Number(row?.newest) >= newestMigration

const hasNoTables = (error: unknown): [] => {
  if (errorCode(error) === UNDEFINED_TABLE) return []
  throw error
}

/**
 * Brings the tables up to date, one process at a time.
 *
 * drizzle takes no lock. So the transaction is begun here, with a lock that lasts as long as it does, which
 * also holds behind a pooler in transaction mode; drizzle's own `begin` inside it only draws a notice, and its
 * `commit` ends both.
 *
 * Tables that are up to date are only looked at, so that a service can start on a database that is read-only.
 *
 * @param client one connection, which is closed afterwards: drizzle changes its parsers
 */
export const migrate = async (client: ClientSql): Promise<void> => {
  if (isUpToDate(await newestApplied(client).catch(hasNoTables))) return
  await client`begin`
  await client`select pg_advisory_xact_lock(${MIGRATION_LOCK})`
  // What drizzle's `migrate` does, but that reads the files itself.
  await new PgDialect().migrate(
    migrations,
    drizzle(client)._.session as unknown as PgSession,
    'src/db/migrations',
  )
}

/** True when the database has the tables this program was written for; one round trip. */
export const isMigrated = async ({ run }: Database): Promise<boolean> => isUpToDate(await run(newestApplied))
