import type { Row } from 'postgres'
import { type ClientSql, type Fragment, fragment, identifier as name } from '../db/client.ts'
import type { Mapping } from './mapping.ts'
import { MAX_DESCRIPTION, type SourceTask, type SourceUser } from './rows.ts'
import type { Column, Table } from './tables.ts'

/** How many rows are read at a time. */
const BATCH = 500

/** A number as a part of the statement, where parameters are not allowed. */
const numeral = (number: number) => fragment.unsafe(String(number)) as Fragment

const tableOf = ({ schema, name: table }: Table) => fragment`${name(schema)}.${name(table)}`

const missing = fragment`null::text`

/** The ASCII characters that `String.prototype.trim` removes. */
const WHITE_SPACE = fragment`E' \\t\\n\\x0b\\f\\r'`

/**
 * The most characters that are read of a title and of a description, and of texts that are only compared. More could not
 * be stored: it does not leave the source, whatever the size of its rows. A thousand are read to spare, for white space
 * that only JavaScript trims.
 */
const LONG = MAX_DESCRIPTION + 1000
const SHORT = 300

/** The beginning of a text. In SQL_ASCII, PostgreSQL counts bytes, of which a character has up to four. */
const startOf = (text: Fragment, length: number) =>
  fragment`left(${text}, ${numeral(length)} * case getdatabaseencoding() when 'SQL_ASCII' then 4 else 1 end)`

const textOf = (alias: string, column: Column | undefined) =>
  column ? fragment`${name(alias)}.${name(column.name)}::text` : missing

/** A time without a time zone is read in that of the session, which is UTC. */
const timeOf = (alias: string, column: Column | undefined) =>
  column ? fragment`${name(alias)}.${name(column.name)}::timestamptz::text` : missing

/** Whether a row is marked as deleted, by a time or a flag. */
const isDeleted = (alias: string, column: Column | undefined) => {
  if (!column) return fragment`false`
  const value = fragment`${name(alias)}.${name(column.name)}`
  if (column.kind === 'time') return fragment`${value} is not null`
  return column.kind === 'boolean'
    ? fragment`coalesce(${value}, false)`
    : fragment`coalesce(${value} <> 0, false)`
}

/** Selects the users, including those marked as deleted. */
const selectUsers = ({ users, tasks }: Mapping) => {
  if (!users)
    return fragment`
      select distinct ${startOf(textOf('t', tasks.columns.owner), SHORT)} as id, ${missing} as email, ${missing} as password_hash,
        ${missing} as created_at, false as is_deleted, false as is_inactive
      from ${tableOf(tasks.table)} as t
      where ${textOf('t', tasks.columns.owner)} is not null and not ${isDeleted('t', tasks.columns.deleted)}`
  const { table, columns } = users
  return fragment`
    select ${startOf(textOf('u', columns.id), SHORT)} as id, ${startOf(textOf('u', columns.email), LONG)} as email,
      ${startOf(textOf('u', columns.passwordHash), SHORT)} as password_hash, ${timeOf('u', columns.createdAt)} as created_at,
      ${isDeleted('u', columns.deleted)} as is_deleted,
      ${columns.active ? fragment`u.${name(columns.active.name)} is false` : fragment`false`} as is_inactive
    from ${tableOf(table)} as u`
}

/** Selects the tasks in order of creation, including deleted ones and those of deleted users. */
const selectTasks = ({ users, tasks: { table, columns } }: Mapping) => {
  const owner = textOf('t', columns.owner)
  const id = fragment`t.${name(columns.id.name)}`
  const inOrder =
    columns.createdAt && !columns.isIdKept
      ? fragment`${timeOf('t', columns.createdAt)}::timestamptz asc nulls last, ${id}`
      : id
  return fragment`
    select ${startOf(textOf('t', columns.id), SHORT)} as id, ${startOf(owner, SHORT)} as owner,
      ${startOf(users ? textOf('u', users.columns.id) : owner, SHORT)} as user_id,
      ${startOf(fragment`btrim(${textOf('t', columns.title)}, ${WHITE_SPACE})`, LONG)} as title,
      ${startOf(textOf('t', columns.description), LONG)} as description,
      ${startOf(textOf('t', columns.completed), SHORT)} as completed, ${startOf(textOf('t', columns.status), SHORT)} as status,
      ${timeOf('t', columns.createdAt)} as created_at,
      coalesce(${timeOf('t', columns.updatedAt)}, ${timeOf('t', columns.createdAt)}) as updated_at,
      ${isDeleted('t', columns.deleted)} or ${isDeleted('u', users?.columns.deleted)} as is_deleted
    from ${tableOf(table)} as t
    ${users ? fragment`left join ${tableOf(users.table)} as u on ${textOf('u', users.columns.key)} = ${owner}` : fragment``}
    order by ${inOrder}`
}

/** An idempotency key. All values are text. */
export interface SourceKey {
  user_id: string
  key: string
  fingerprint: string
  task_id: string
  created_at: string
}

const selectKeys = (keys: Table) => fragment`
  select ${startOf(fragment`user_id::text`, SHORT)} as user_id, ${startOf(fragment`key::text`, SHORT)} as key,
    ${startOf(fragment`encode(fingerprint, 'hex')`, SHORT)} as fingerprint, task_id::text, created_at::text
  from ${tableOf(keys)} as k order by k.user_id, k.key`

/** @param cursor a different name for each kind of rows, because the driver caches the columns of a prepared `fetch` */
const readInBatches = async function* <T extends Row>(
  sql: ClientSql,
  cursor: 'users' | 'tasks' | 'keys',
  rows: Fragment,
): AsyncGenerator<T[]> {
  await sql`declare ${name(cursor)} no scroll cursor for ${rows}`
  for (;;) {
    const batch = await sql<T[]>`fetch ${numeral(BATCH)} from ${name(cursor)}`
    if (batch.length === 0) break
    yield batch
  }
  await sql`close ${name(cursor)}`
}

/** Reads a source in batches. */
export const createReader = (sql: ClientSql, mapping: Mapping) => ({
  users: () => readInBatches<SourceUser & Row>(sql, 'users', selectUsers(mapping)),
  tasks: () => readInBatches<SourceTask & Row>(sql, 'tasks', selectTasks(mapping)),
  async *keys(): AsyncGenerator<SourceKey[]> {
    if (mapping.keys) yield* readInBatches<SourceKey & Row>(sql, 'keys', selectKeys(mapping.keys))
  },
  /** The last id that a task has been given, even if it was deleted. 0 if that is not known. */
  async lastId(): Promise<number> {
    if (!mapping.keys) return 0
    const [sequence] = await sql<[{ last: number }]>`
      select case when is_called then last_value else last_value - 1 end as last
      from ${name(mapping.keys.schema)}.tasks_id_seq`
    return sequence.last
  },
  /** Duplicates of values that must be unique. */
  async duplicates(): Promise<{ emails: string[]; ids: string[]; keys: string[]; taskIds: string[] }> {
    const repeated = async (value: Fragment, from: Fragment, where: Fragment): Promise<string[]> => {
      const found = await sql<{ value: string }[]>`
        select ${startOf(fragment`value`, SHORT)} as value from (
          select ${value} as value from ${from} where ${where} group by 1 having count(*) > 1 order by 1 limit 20
        ) as repeated`
      return found.map((row) => row.value)
    }
    const { users, tasks } = mapping
    const ofUsers = (value: Fragment) =>
      users
        ? repeated(
            value,
            fragment`${tableOf(users.table)} as u`,
            fragment`not ${isDeleted('u', users.columns.deleted)} and ${value} <> ''`,
          )
        : Promise.resolve([])
    return {
      emails: await ofUsers(
        fragment`lower(btrim(${textOf('u', users?.columns.email)}, ${WHITE_SPACE}) collate "C")`,
      ),
      ids: await ofUsers(textOf('u', users?.columns.id)),
      keys: await ofUsers(textOf('u', users?.columns.key)),
      taskIds:
        tasks.columns.isIdKept && tasks.columns.id.name !== tasks.table.key && !mapping.keys
          ? await repeated(
              textOf('t', tasks.columns.id),
              fragment`${tableOf(tasks.table)} as t`,
              fragment`not ${isDeleted('t', tasks.columns.deleted)}`,
            )
          : [],
    }
  },
})

export type Reader = ReturnType<typeof createReader>
