import type { ClientSql } from '../db/client.ts'
import { violatedConstraint } from '../db/sqlstate.ts'
import type { Tables } from '../db/tables.ts'
import { prepareTransaction } from './connection.ts'
import type { Progress } from './progress.ts'
import type { Reader, SourceKey } from './reading.ts'
import { type ReadingRules, readTask, readUser, type StoredTask, type StoredUser } from './rows.ts'
import { createTally, quoted } from './tally.ts'
import { TransferError } from './transfer-error.ts'

export interface CopyOptions {
  reader: Reader
  rules: ReadingRules
  target: ClientSql
  tables: Tables
  progress: Progress
  /** Called before the commit is sent. If the connection is lost after that, the outcome is unknown. */
  onCommit: () => void
}

/** How many rows were stored. */
export interface Copied {
  users: number
  tasks: number
  keys: number
  /** The smallest id that the next task can get. */
  nextId: number
}

/**
 * Stores users. Row locks keep those that already existed from adding tasks until the end of the transaction.
 *
 * @throws {TransferError} when one of them has tasks
 */
const storeUsers = async (sql: ClientSql, tables: Tables, users: StoredUser[]): Promise<void> => {
  const ids = JSON.stringify(users.map(({ id }) => id))
  await sql`
    insert into ${tables.users} as existing (id, email, password_hash, created_at)
    select id, email, password_hash, coalesce(created_at, now())
    from json_to_recordset(${JSON.stringify(users)}::text::json)
      as row (id text, email text, password_hash text, created_at timestamptz)
    on conflict (id) do update set
      email = coalesce(excluded.email, existing.email),
      password_hash = coalesce(excluded.password_hash, existing.password_hash),
      created_at = excluded.created_at`
  await sql`
    select from ${tables.users} where id in (select json_array_elements_text(${ids}::text::json)) for update`
  const [busy] = await sql<{ user_id: string }[]>`
    select user_id from ${tables.tasks}
    where user_id in (select json_array_elements_text(${ids}::text::json)) limit 1`
  if (busy) throw new TransferError(`User ${quoted(busy.user_id)} has got tasks in the target meanwhile.`)
}

const storeTasks = (sql: ClientSql, tables: Tables, tasks: StoredTask[]) => sql`
  insert into ${tables.tasks} (id, user_id, title, description, status, created_at, updated_at)
  overriding system value
  select id, user_id, title, description, status, coalesce(created_at, now()), coalesce(updated_at, created_at, now())
  from json_to_recordset(${JSON.stringify(tasks)}::text::json) as row (
    id bigint, user_id text, title text, description text, status text, created_at timestamptz, updated_at timestamptz
  )`

const storeKeys = (sql: ClientSql, tables: Tables, keys: SourceKey[]) => sql`
  insert into ${tables.idempotencyKeys} (user_id, key, fingerprint, task_id, created_at)
  select user_id, key, decode(fingerprint, 'hex'), task_id, created_at
  from json_to_recordset(${JSON.stringify(keys)}::text::json)
    as row (user_id text, key text, fingerprint text, task_id bigint, created_at timestamptz)
  on conflict (user_id, key) do update set
    fingerprint = excluded.fingerprint, task_id = excluded.task_id, created_at = excluded.created_at`

/**
 * Looks whether this role may put the identity above the ids that are copied, which serving does not take: better
 * before all is read than after.
 *
 * @throws {TransferError} when it may not
 */
export const checkIdentity = async (sql: ClientSql, { schema }: Tables): Promise<void> => {
  await sql`begin`
  await prepareTransaction(sql)
  const [denied] = await sql<{ grant: string }[]>`
    select format('grant select, update on sequence %s to %I;', name, current_user) as grant
    from format('%I.tasks_id_seq', ${schema}::text) as name
    where not (has_sequence_privilege(name, 'select') and has_sequence_privilege(name, 'update'))`
  await sql`rollback`
  if (denied)
    throw new TransferError(
      `Nothing was stored: permission denied for sequence tasks_id_seq of the target (42501): what helps: ${denied.grant}`,
    )
}

/** The last id that a task has been given. */
const readLastId = async (sql: ClientSql, tables: Tables): Promise<number> => {
  const [sequence] = await sql<[{ last: number }]>`
    select case when is_called then last_value else last_value - 1 end as last from ${tables.taskIds}`
  return sequence.last
}

/** Raises the identity sequence above all ids. Never lowers it: the service may be creating tasks. */
const raiseIdentity = async (sql: ClientSql, tables: Tables, largestId: number): Promise<number> => {
  await sql`
    select setval(pg_get_serial_sequence(format('%I.%I', ${tables.schema}::text, 'tasks'), 'id'), ${largestId})
    where ${largestId}::bigint > (
      select case when is_called then last_value else last_value - 1 end from ${tables.taskIds})`
  return (await readLastId(sql, tables)) + 1
}

/**
 * Copies everything in one transaction.
 *
 * @throws {TransferError} and errors of either database
 */
export const copyAll = async (options: CopyOptions): Promise<Copied> => {
  const { reader, rules, target: sql, tables, progress, onCommit } = options
  // The scan has already reported these.
  const findings = { problems: createTally(), changes: createTally() }
  const copied: Copied = { users: 0, tasks: 0, keys: 0, nextId: 1 }
  await sql`begin`
  await prepareTransaction(sql)
  try {
    for await (const rows of reader.users()) {
      const users = rows.flatMap((row) => (row.is_deleted ? [] : (readUser(row, rules, findings) ?? [])))
      await storeUsers(sql, tables, users)
      copied.users += users.length
    }
    let largestId = Math.max(await readLastId(sql, tables), await reader.lastId())
    for await (const rows of reader.tasks()) {
      const tasks: StoredTask[] = []
      for (const row of rows) {
        const task = row.is_deleted ? undefined : readTask(row, largestId + 1, rules, findings)
        if (!task) continue
        tasks.push(task)
        largestId = Math.max(largestId, Number(task.id))
      }
      await storeTasks(sql, tables, tasks)
      copied.tasks += tasks.length
      progress.advance(tasks.length)
    }
    for await (const keys of reader.keys()) {
      await storeKeys(sql, tables, keys)
      copied.keys += keys.length
    }
    if (findings.problems.count() > 0) throw new Error('a row became a problem after it was looked at')
    copied.nextId = await raiseIdentity(sql, tables, largestId)
  } catch (error) {
    if (violatedConstraint(error) === 'users_email_key')
      throw new TransferError('An email has been taken by another user of the target meanwhile.')
    throw error
  } finally {
    progress.end()
  }
  onCommit()
  await sql`commit`
  return copied
}
