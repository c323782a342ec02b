import type { ClientSql } from './client.ts'
import { type Migration, migrations } from './migration-files.ts'
import { findByName, type Neighbour, withRows } from './neighbours.ts'
import type { Run } from './statement.ts'
import { JOURNAL_NAME, type Tables } from './tables.ts'

const JOURNAL_NAMES = [JOURNAL_NAME, `${JOURNAL_NAME}_pkey`]

const [firstMigration, newestMigration] = [migrations[0] as Migration, migrations.at(-1) as Migration]

/** Constraints that tell the service's own tables from others of the same names. */
const OWN_CONSTRAINTS = [
  'idempotency_keys.idempotency_keys_user_id_users_id_fk',
  'rate_limits.rate_limits_pkey',
  'tasks.tasks_user_id_id_pk',
  'tasks.tasks_user_id_users_id_fk',
  'users.users_pkey',
]

/** The tables that are there, compared with those that this program needs. */
export interface TableState {
  /** Migrations still to be applied, in order. */
  pending: Migration[]
  /** Relations and types that have a name which a pending migration needs, and are not this service's. */
  taken: Neighbour[]
  /** Tables that the journal has and the schema does not. */
  missing: string[]
  /** Whether version 1.0.0 made the tables; it recorded that in drizzle's journal. */
  isTakenOver: boolean
}

/**
 * Whether the journal is there, and not somebody else's table of its name. Ours is never empty, because the transaction
 * that makes it also fills it. To write into another role's table would run its triggers, with our privileges.
 */
const isJournalThere = async (sql: ClientSql, tables: Tables): Promise<boolean> => {
  const columns = await sql`
    select from pg_attribute
      join pg_class on pg_class.oid = attrelid
      join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = ${tables.schema} and relname = ${JOURNAL_NAME} and relkind = 'r'
      and attname in ('hash', 'name', 'applied_at') and not attisdropped`
  if (columns.length !== 3) return false
  const rows = await sql`select from ${tables.journal} limit 1`
  return rows.length > 0
}

const hashesIn = async (sql: ClientSql, tables: Tables): Promise<string[]> => {
  const rows = await sql<{ hash: string }[]>`select hash from ${tables.journal}`
  return rows.map(({ hash }) => hash)
}

/** Whether drizzle's journal, which all programs of a database share, has the migration of version 1.0.0. */
const isInDrizzleJournal = async (sql: ClientSql): Promise<boolean> => {
  const [journal] = await sql`
    select from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = 'drizzle' and relname = '__drizzle_migrations'`
  if (!journal) return false
  const [own] = await sql`select from drizzle.__drizzle_migrations where hash = ${firstMigration.hash}`
  return own !== undefined
}

/** Reads the state of the tables, and changes nothing. */
export const readTableState = async (sql: ClientSql, tables: Tables): Promise<TableState> => {
  const names = [...new Set([...JOURNAL_NAMES, ...migrations.flatMap(({ makes }) => makes)])]
  const found = await findByName(sql, tables.schema, names)
  const isThere = (name: string) => found.some((one) => one.name === name)

  const hasJournal = await isJournalThere(sql, tables)
  const isTakenOver = !hasJournal && firstMigration.makes.every(isThere) && (await isInDrizzleJournal(sql))
  const applied = hasJournal ? await hashesIn(sql, tables) : isTakenOver ? [firstMigration.hash] : []

  const pending = migrations.filter(({ hash }) => !applied.includes(hash))
  const own = migrations.filter(({ hash }) => applied.includes(hash)).flatMap(({ makes }) => makes)
  const wanted = [...(hasJournal ? [] : JOURNAL_NAMES), ...pending.flatMap(({ makes }) => makes)]
  return {
    pending,
    taken: await withRows(
      sql,
      found.filter(({ name }) => wanted.includes(name) && !own.includes(name)),
    ),
    missing: hasJournal ? await missingTables(sql, tables, applied) : [],
    isTakenOver,
  }
}

/** The names of this service's tables that are missing. */
const missingTables = async (sql: ClientSql, { schema }: Tables, applied: string[]): Promise<string[]> => {
  if (!applied.includes(newestMigration.hash)) return []
  const constraints = await ownConstraints(sql, schema)
  const there = constraints.map(({ name }) => name)
  return [
    ...new Set(
      OWN_CONSTRAINTS.filter((name) => !there.includes(name)).map((name) => name.split('.')[0] ?? ''),
    ),
  ]
}

/** Names as text: operators of the type name are looked for in schemas where other roles may have made some. */
const ownConstraints = (sql: ClientSql, schema: string) =>
  sql<{ name: string }[]>`
    select relname::text || '.' || conname::text as name
    from pg_constraint
      join pg_class on pg_class.oid = conrelid
      join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = ${schema} and relname::text || '.' || conname::text = any(string_to_array(${OWN_CONSTRAINTS.join()}, ','))`

/** True when the database has the newest tables, and they are this service's own. One round trip. */
export const isMigrated = async (run: Run, tables: Tables): Promise<boolean> => {
  const [state] = await run(
    (sql) => sql<[{ migrated: boolean }]>`
      select exists (select from ${tables.journal} where hash = ${newestMigration.hash})
        and ${OWN_CONSTRAINTS.length} = (select count(*) from (${ownConstraints(sql, tables.schema)}) as own) as migrated`,
  )
  return state.migrated
}
