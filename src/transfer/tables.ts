import type { ClientSql } from '../db/client.ts'

/** The kind of values that a column has. */
export type ColumnKind = 'text' | 'integer' | 'boolean' | 'time' | 'other'

export interface Column {
  name: string
  /** The type as PostgreSQL writes it: `character varying(200)`. */
  type: string
  kind: ColumnKind
  /** The target of its foreign key, if that has no other column. */
  references?: { schema: string; table: string; column: string }
}

export interface Table {
  schema: string
  name: string
  columns: Column[]
  isReadable: boolean
  /** The primary key, if it is a single column. */
  key?: string
}

/** The name for messages and the command line: `public.tasks`. */
export const tableName = ({ schema, name }: Table): string => `${schema}.${name}`

interface Row {
  schema: string
  table: string
  name: string
  type: string
  base: string
  category: string
  is_readable: boolean
  is_key: boolean
  references: Column['references'] | null
}

const INTEGERS = ['smallint', 'integer', 'bigint']
const TIMES = ['timestamp with time zone', 'timestamp without time zone', 'date']

/** By `pg_type.typcategory`. https://www.postgresql.org/docs/current/catalog-pg-type.html */
const kindOf = ({ base, category }: Row): ColumnKind => {
  if (INTEGERS.includes(base)) return 'integer'
  if (TIMES.includes(base)) return 'time'
  if (category === 'S' || category === 'E') return 'text'
  return category === 'B' ? 'boolean' : 'other'
}

/** Reads all tables and views, except PostgreSQL's own. */
export const readTables = async (sql: ClientSql): Promise<Table[]> => {
  const rows = await sql<Row[]>`
    select nspname as schema, relname as table, attname as name, format_type(atttypid, atttypmod) as type,
      format_type(coalesce(nullif(typbasetype, 0), atttypid), null) as base, typcategory::text as category,
      has_schema_privilege(relnamespace, 'usage') and has_table_privilege(pg_class.oid, 'select') as is_readable,
      exists (
        select from pg_constraint where conrelid = pg_class.oid and contype = 'p' and conkey = array[attnum]
      ) as is_key,
      (
        select json_build_object('schema', other_schema.nspname, 'table', other.relname, 'column', target.attname)
        from pg_constraint
          join pg_class as other on other.oid = confrelid
          join pg_namespace as other_schema on other_schema.oid = other.relnamespace
          join pg_attribute as target on target.attrelid = confrelid and target.attnum = confkey[1]
        where conrelid = pg_class.oid and contype = 'f' and conkey = array[pg_attribute.attnum]
        order by pg_constraint.oid limit 1
      ) as references
    from pg_class
      join pg_namespace on pg_namespace.oid = relnamespace
      join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
      join pg_type on pg_type.oid = atttypid
    where relkind in ('r', 'p', 'v', 'm', 'f') and not relispartition
      and nspname !~ '^pg_' and nspname <> 'information_schema'
    order by nspname, relname, attnum`

  const tables = new Map<string, Table>()
  for (const row of rows) {
    const id = JSON.stringify([row.schema, row.table])
    const table = tables.get(id) ?? {
      schema: row.schema,
      name: row.table,
      columns: [],
      isReadable: row.is_readable,
    }
    tables.set(id, table)
    const { name, type, references } = row
    table.columns.push({ name, type, kind: kindOf(row), ...(references && { references }) })
    if (row.is_key) table.key = name
  }
  return [...tables.values()]
}
