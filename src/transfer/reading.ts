import type { Row } from 'postgres'
import { type ClientSql, type Fragment, fragment, identifier as name } from '../db/client.ts'
import type { Mapping } from './mapping.ts'
import type { SourceTask, SourceUser } from './rows.ts'
import type { Column, Table } from './tables.ts'

/** How many rows are read at a time. */
const BATCH = 500

const tableOf = ({ schema, name: table }: Table) => fragment`${name(schema)}.${name(table)}`

const missing = fragment`null::text`

/** The ASCII characters that `String.prototype.trim` removes. */
const WHITE_SPACE = ' \t\n\v\f\r'

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
      select distinct ${textOf('t', tasks.columns.owner)} as id, ${missing} as email, ${missing} as password_hash,
        ${missing} as created_at, false as is_deleted, false as is_inactive
      from ${tableOf(tasks.table)} as t
      where ${textOf('t', tasks.columns.owner)} is not null and not ${isDeleted('t', tasks.columns.deleted)}`
  const { table, columns } = users
  return fragment`
    select ${textOf('u', columns.id)} as id, ${textOf('u', columns.email)} as email,
      ${textOf('u', columns.passwordHash)} as password_hash, ${timeOf('u', columns.createdAt)} as created_at,
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
    select ${id}::text as id, ${owner} as owner, ${users ? textOf('u', users.columns.id) : owner} as user_id,
      ${textOf('t', columns.title)} as title, ${textOf('t', columns.description)} as description,
      ${textOf('t', columns.completed)} as completed, ${textOf('t', columns.status)} as status,
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
  select user_id, key, encode(fingerprint, 'hex') as fingerprint, task_id::text, created_at::text
  from ${tableOf(keys)} order by user_id, key`

/** @param cursor a different name for each kind of rows, because the driver caches the columns of a prepared `fetch` */
const readInBatches = async function* <T extends Row>(
  sql: ClientSql,
  cursor: 'users' | 'tasks' | 'keys',
  rows: Fragment,
): AsyncGenerator<T[]> {
  await sql`declare ${name(cursor)} no scroll cursor for ${rows}`
  for (;;) {
    const batch = await sql<T[]>`fetch ${fragment.unsafe(String(BATCH)) as Fragment} from ${name(cursor)}`
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
        select ${value} as value from ${from} where ${where} group by 1 having count(*) > 1 order by 1 limit 20`
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
