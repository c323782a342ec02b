import { type ClientSql, identifier } from './client.ts'
import { isServerError } from './sqlstate.ts'

/** A relation or type in a schema. `rows` is `null` if it cannot have rows, or if this role cannot read them. */
export interface Neighbour {
  schema: string
  name: string
  kind: string
  rows: number | null
}

/** By `pg_class.relkind`. https://www.postgresql.org/docs/current/catalog-pg-class.html */
const KINDS: Record<string, string> = {
  r: 'table',
  p: 'partitioned table',
  f: 'foreign table',
  v: 'view',
  m: 'materialized view',
  S: 'sequence',
  i: 'index',
  I: 'index',
  c: 'type',
}

const TABLES = ['table', 'partitioned table', 'foreign table']

/** The kinds whose rows are counted. Those of a foreign table are on another server, which may be slow or down. */
const COUNTED = ['table', 'partitioned table']

/** Rows are counted up to this number. */
const COUNT_UP_TO = 1_000_000

/** A {@link Neighbour} before its rows are counted. */
export interface Found {
  schema: string
  name: string
  kind: string
  /** Whether its rows may be counted. Policies are code of its owner's, which would run with our privileges. */
  readable: boolean
}

const countRows = async (sql: ClientSql, { schema, name, kind, readable }: Found): Promise<Neighbour> => {
  const uncounted = { schema, name, kind, rows: null }
  if (!COUNTED.includes(kind) || !readable) return uncounted
  try {
    const [{ rows }] = await sql<[{ rows: number }]>`
      select count(*) as rows
      from (select from ${identifier(schema)}.${identifier(name)} limit ${COUNT_UP_TO}) as counted`
    return { schema, name, kind, rows }
  } catch (error) {
    // A policy of another program's table can fail. The table is still worth naming.
    if (isServerError(error)) return uncounted
    throw error
  }
}

/** Adds the numbers of rows. */
export const withRows = (sql: ClientSql, found: Found[]): Promise<Neighbour[]> =>
  Promise.all(found.map((one) => countRows(sql, one)))

/** Finds relations and types of a schema by name. Tables come first. */
export const findByName = async (
  sql: ClientSql,
  schema: string,
  names: readonly string[],
): Promise<Found[]> => {
  const found = await sql<Found[]>`
    select nspname as schema, relname as name, relkind::text as kind,
      has_schema_privilege(relnamespace, 'usage') and has_table_privilege(pg_class.oid, 'select')
        and not row_security_active(pg_class.oid) as readable
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = ${schema} and relname = any(string_to_array(${names.join()}, ',')::name[])
    union all
    select nspname, typname, 'c', false
    from pg_type join pg_namespace on pg_namespace.oid = typnamespace
    where nspname = ${schema} and typname = any(string_to_array(${names.join()}, ',')::name[]) and typrelid = '0' and typelem = '0'
    order by 2`
  const described = found.map((one) => ({ ...one, kind: KINDS[one.kind] ?? 'relation' }))
  const rank = ({ kind }: Found) => (TABLES.includes(kind) ? 0 : 1)
  return described.sort((one, other) => rank(one) - rank(other))
}

/** Finds tables with rows that look like another backend's tasks, whose users would miss them here. */
export const findUnreadTasks = async (sql: ClientSql): Promise<Neighbour[]> => {
  const found = await sql<Found[]>`
    select nspname as schema, relname as name, relkind::text as kind,
      not row_security_active(pg_class.oid) as readable
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where lower(relname::text) in ('task', 'tasks', 'todo', 'todos') and relkind in ('r', 'p')
      and nspname::text !~ '^pg_' and nspname <> 'information_schema'
      and has_schema_privilege(relnamespace, 'usage') and has_table_privilege(pg_class.oid, 'select')
      and exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'title')
      and exists (
        select from pg_attribute where attrelid = pg_class.oid and attname::text ~* '^(user|owner|author)(_?id)?$')
      and not (relname = 'tasks' and exists (
        select from pg_class as journal
        where journal.relnamespace = pg_class.relnamespace and journal.relname = 'todo_backend_migrations'))
    order by 1, 2`
  const tables = await withRows(
    sql,
    found.map((one) => ({ ...one, kind: 'table' })),
  )
  return tables.filter(({ rows }) => rows !== 0)
}

/** Describes a relation: `table tasks (5 rows)`. */
export const describeNeighbour = ({ name, kind, rows }: Neighbour): string => {
  if (rows === null) return `${kind} ${name}`
  const count = rows === COUNT_UP_TO ? `${rows} rows or more` : rows === 1 ? '1 row' : `${rows} rows`
  return `${kind} ${name} (${count})`
}
