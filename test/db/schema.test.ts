import { expect, test } from 'bun:test'
import { is, SQL } from 'drizzle-orm'
import { getTableConfig, type IndexedColumn, type PgColumn, PgDialect, PgTable } from 'drizzle-orm/pg-core'
import * as schema from '../../src/db/schema.ts'
import { describeApi } from '../support/api.ts'

const tables = Object.values(schema)
  .filter((value) => is(value, PgTable))
  .map((table) => getTableConfig(table as PgTable))

const dialect = new PgDialect()
/** A piece of SQL as PostgreSQL might print it: without quotes, table names, casts, brackets and case. */
const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/::\w+(\[\])?/g, '')
    .replace(/"?\b(tasks|users|idempotency_keys|rate_limits)"?\./g, '')
    .replace(/\bin \((.*?)\)/g, '= any(array[$1])')
    .replace(/(\S+) between (\S+) and (\S+)/g, '$1 >= $2 and $1 <= $3')
    .replace(/\bcollate "?c"?/g, 'collate c')
    .replace(/["()[\]\s]/g, '')
const printed = (piece: SQL) => plain(dialect.sqlToQuery(piece).sql)

/** What a column is filled with by itself, or `null`. */
const defaultOf = ({ default: value, hasDefault, generated, generatedIdentity }: PgColumn): string | null => {
  if (!hasDefault || generated || generatedIdentity) return null
  if (is(value, SQL)) return printed(value)
  return typeof value === 'string' ? `'${value}'` : String(value)
}

/** PostgreSQL says where nulls go only when that is not what it would do anyway. */
const orderOf = ({ indexConfig: { order, nulls } }: IndexedColumn): string =>
  order === 'desc' ? `desc${nulls === 'first' ? '' : ' nulls last'}` : nulls === 'first' ? ' nulls first' : ''

describeApi('the drizzle schema', ({ engine }) => {
  const { run } = engine.database

  test('has each table of the database, and no other but the journal of migrations', async () => {
    const live = await run(
      (sql) => sql<{ name: string }[]>`
      select table_name as name from information_schema.tables
      where table_schema = 'public' and table_name <> 'todo_backend_migrations' order by 1`,
    )
    expect(live.map(({ name }) => name)).toEqual(tables.map(({ name }) => name).sort())
  })

  for (const { name: table, columns, indexes, checks, foreignKeys, primaryKeys } of tables) {
    test(`has the columns of ${table} as they are: types, nullability, defaults, generation`, async () => {
      const live = await run(
        (sql) => sql<{ name: string; filled: string | null; formula: string | null }[]>`
          select column_name as name, data_type as type, is_nullable = 'YES' as nullable,
            is_identity = 'YES' as identity, column_default as filled, generation_expression as formula
          from information_schema.columns
          where table_schema = 'public' and table_name = ${table} order by ordinal_position`,
      )
      expect(
        live.map(({ filled, formula, ...column }) => ({
          ...column,
          filled: filled && plain(filled),
          formula: formula && plain(formula),
        })),
      ).toEqual(
        columns.map((column) => ({
          name: column.name,
          type: column.getSQLType(),
          nullable: !column.notNull,
          identity: column.generatedIdentity !== undefined,
          filled: defaultOf(column),
          formula: column.generated ? printed(column.generated.as as SQL) : null,
        })) as never,
      )
    })

    test(`has the constraints of ${table} as they are`, async () => {
      const live = await run(
        (sql) => sql<{ kind: string; name: string; definition: string }[]>`
        select contype as kind, conname as name, pg_get_constraintdef(oid) as definition
        from pg_constraint
        where conrelid = ${`public.${table}`}::text::regclass and contype <> 'n' order by conname`,
      )
      const ofKind = (kind: string) => live.filter((constraint) => constraint.kind === kind)

      const keyColumns = [
        ...primaryKeys.map((key) => key.columns.map(({ name }) => name).join(', ')),
        ...columns.filter(({ primary }) => primary).map(({ name }) => name),
      ]
      expect(ofKind('p').map(({ definition }) => definition)).toEqual(
        keyColumns.map((list) => `PRIMARY KEY (${list})`),
      )

      expect(ofKind('f').map(({ name, definition }) => ({ name, definition }))).toEqual(
        foreignKeys.map((key) => {
          const { columns: from, foreignColumns, foreignTable } = key.reference()
          const list = (some: { name: string }[]) => some.map(({ name }) => name).join(', ')
          return {
            name: key.getName(),
            definition: `FOREIGN KEY (${list(from)}) REFERENCES ${getTableConfig(foreignTable).name}(${list(foreignColumns)}) ON DELETE ${key.onDelete?.toUpperCase()}`,
          }
        }),
      )

      expect(ofKind('c').map(({ name, definition }) => ({ name, definition: plain(definition) }))).toEqual(
        checks
          .map(({ name, value }) => ({ name, definition: `check${printed(value)}` }))
          .sort((one, other) => one.name.localeCompare(other.name)),
      )
      expect(ofKind('u')).toEqual([])
      expect(ofKind('x')).toEqual([])
      expect(live).toHaveLength(keyColumns.length + foreignKeys.length + checks.length)
    })

    test(`has the indexes of ${table} as they are`, async () => {
      const live = await run(
        (sql) => sql<{ name: string; definition: string }[]>`
        select c.relname as name, pg_get_indexdef(i.indexrelid) as definition
        from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid = ${`public.${table}`}::text::regclass and not i.indisprimary order by 1`,
      )
      const expected = indexes.map(({ config }) => {
        const keys = config.columns.map((column) => {
          if (is(column, SQL)) return printed(column)
          return `${(column as IndexedColumn).name}${orderOf(column as IndexedColumn)}`
        })
        return {
          name: config.name,
          definition: plain(
            `create ${config.unique ? 'unique ' : ''}index ${config.name} on public.${table} using ${config.method} ${keys.join(', ')}`,
          ),
        }
      })
      expect(live.map(({ name, definition }) => ({ name, definition: plain(definition) }))).toEqual(
        expected.sort((one, other) => (one.name ?? '').localeCompare(other.name ?? '')) as never,
      )
    })
  }
})
