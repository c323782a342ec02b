import { type ClientSql, fragment } from '../db/client.ts'
import type { Database } from '../db/database.ts'
import type { Statement } from '../db/pool.ts'
import type { NewTask, TaskChange, TaskFilter, TaskReply, TaskStatus } from './schema.ts'

/** The versions of a task, as in `updated_at`, that a change is allowed on: any, some, or all but some. */
export type Versions = '*' | { in: readonly string[] } | { notIn: readonly string[] }

/** What is known about a keyed request that makes a task. */
export interface Idempotency {
  key: string
  /** A digest of what the task is made of: the same key must come with the same. */
  fingerprint: Uint8Array
}

/** The tasks of users. Every function asks for the user, and no statement is without it. */
export interface TaskRepository {
  /** The task, or `null` when this user has none of that id. */
  find(userId: string, id: number): Promise<TaskReply | null>
  /** Newest first, at most `filter.limit` and one more, which tells that there are more. */
  list(userId: string, filter: TaskFilter): Promise<TaskReply[]>
  /** Makes a task, and the user with the first one. */
  create(userId: string, task: NewTask): Promise<TaskReply>
  /**
   * As {@link TaskRepository.create}, but once for each key: again gives the first answer again, and `null`
   * when the fingerprint is another.
   */
  createOnce(userId: string, task: NewTask, idempotency: Idempotency): Promise<TaskReply | null>
  /** The task as changed, or `null` when there is none of that id and version. */
  change(userId: string, id: number, change: TaskChange, versions: Versions): Promise<TaskReply | null>
  /** The task, completed if it was not and pending if it was; `null` as for {@link TaskRepository.change}. */
  toggle(userId: string, id: number, versions: Versions): Promise<TaskReply | null>
  /** True when a task of that id and version was there, and is not any more. */
  remove(userId: string, id: number, versions: Versions): Promise<boolean>
}

/** What is read of a task: the rest of a reply is known, or follows from the status. */
type Row = Omit<TaskReply, 'user_id' | 'completed'>

const toReply = (
  userId: string,
  { id, title, description, status, created_at, updated_at }: Row,
): TaskReply => ({
  id,
  user_id: userId,
  title,
  description,
  status,
  completed: status === 'completed',
  created_at,
  updated_at,
})

export const taskRepository = ({ run }: Database): TaskRepository => {
  const columns = fragment`id, title, description, status, created_at, updated_at`
  const newestFirst = fragment`order by created_at desc, id desc`
  // Later than the last change even when the clock is not.
  const later = fragment`greatest(clock_timestamp(), updated_at + interval '1 microsecond')`
  // Keys are kept for a day; later keyed requests sweep the expired ones, two at a time.
  const isExpired = fragment`kept.created_at < now() - interval '24 hours'`
  const reopened = fragment`case when completed then 'pending' else status end`
  const [title, description, status] = [fragment`title`, fragment`description`, fragment`status`]
  const nothing = fragment``

  const times = (versions: readonly string[]) =>
    fragment`(string_to_array(${versions.join()}, ',')::timestamptz[])`
  const atVersion = (versions: Versions) => {
    if (versions === '*') return nothing
    return 'in' in versions
      ? fragment`and updated_at = any${times(versions.in)}`
      : fragment`and updated_at <> all${times(versions.notIn)}`
  }

  /** The first row as a reply. */
  const one = async (userId: string, statement: Statement<Row[]>): Promise<TaskReply | null> => {
    const [row] = await run(statement)
    return row ? toReply(userId, row) : null
  }

  return {
    find: (userId, id) =>
      one(userId, (sql) => sql`select ${columns} from tasks where id = ${id} and user_id = ${userId}`),

    async list(userId, { statuses, limit, after }) {
      const place = after ? fragment`and (created_at, id) < (${after.created_at}, ${after.id})` : nothing
      const page = fragment`${newestFirst} limit ${limit + 1}`
      const ofStatus = (sql: ClientSql, wanted: TaskStatus) =>
        sql<Row[]>`select ${columns} from tasks
                   where user_id = ${userId} and status = ${wanted} ${place} ${page}`
      const [first, second, third] = statuses
      if (first === undefined) return []
      const rows = await run<Row[]>((sql) =>
        third !== undefined
          ? sql`select ${columns} from tasks where user_id = ${userId} ${place} ${page}`
          : second === undefined
            ? ofStatus(sql, first)
            : // Two scans of the index, merged: with "in" all of the user's tasks would have to be sorted.
              sql`(${ofStatus(sql, first)}) union all (${ofStatus(sql, second)}) ${page}`,
      )
      return rows.map((row) => toReply(userId, row))
    },

    async create(userId, task) {
      const [row] = await run(
        (sql) => sql<[Row]>`
          with owner as (insert into users (id) values (${userId}) on conflict do nothing)
          insert into tasks (user_id, title, description, status)
          values (${userId}, ${task.title}, ${task.description}, ${task.status})
          returning ${columns}`,
      )
      return toReply(userId, row)
    },

    async createOnce(userId, task, { key, fingerprint }) {
      // One statement, so that of two at the same moment one waits for the other at the key and finds its task.
      // The task's number and time are chosen first, and tell afterwards whether the key was free.
      const [answer] = await run(
        (sql) => sql<[{ id: number; created_at: string; same: boolean }]>`
          with owner as (insert into users (id) values (${userId}) on conflict do nothing),
          expired as (
            delete from idempotency_keys
            where (user_id, key) in (
              select user_id, key from idempotency_keys as kept
              where ${isExpired} and not (user_id = ${userId} and key = ${key})
              order by created_at limit 2 for update skip locked
            )
          ),
          proposed as materialized (
            select nextval(pg_get_serial_sequence('tasks', 'id')) as id
          ),
          claimed as (
            insert into idempotency_keys as kept (user_id, key, fingerprint, task_id)
            select ${userId}, ${key}, ${fingerprint}, id from proposed
            on conflict (user_id, key) do update
              set fingerprint = case when ${isExpired} then excluded.fingerprint else kept.fingerprint end,
                  task_id = case when ${isExpired} then excluded.task_id else kept.task_id end,
                  created_at = case when ${isExpired} then excluded.created_at else kept.created_at end
            returning task_id, fingerprint, created_at
          ),
          created as (
            insert into tasks (id, user_id, title, description, status, created_at, updated_at)
            overriding system value
            select task_id, ${userId}, ${task.title}, ${task.description}, ${task.status}, created_at, created_at
            from claimed join proposed on proposed.id = claimed.task_id
        )
          select task_id as id, created_at, fingerprint = ${fingerprint} as same from claimed`,
      )
      if (!answer.same) return null
      const { id, created_at } = answer
      return toReply(userId, { id, ...task, created_at, updated_at: created_at })
    },

    async change(userId, id, wanted, versions) {
      const newTitle = wanted.title === undefined ? title : fragment`${wanted.title}`
      const newDescription = wanted.description === undefined ? description : fragment`${wanted.description}`
      const newStatus =
        wanted.status === undefined
          ? status
          : wanted.status === 'reopened'
            ? reopened
            : fragment`${wanted.status}`
      return one(
        userId,
        (sql) => sql`
          update tasks set
            title = ${newTitle},
            description = ${newDescription},
            status = ${newStatus},
            updated_at = case
              when (title, description, status) is distinct from (${newTitle}, ${newDescription}, ${newStatus})
              then ${later} else updated_at end
          where id = ${id} and user_id = ${userId} ${atVersion(versions)}
          returning ${columns}`,
      )
    },

    toggle: (userId, id, versions) =>
      one(
        userId,
        (sql) => sql`
          update tasks set
            status = case when completed then 'pending' else 'completed' end,
            updated_at = ${later}
          where id = ${id} and user_id = ${userId} ${atVersion(versions)}
          returning ${columns}`,
      ),

    async remove(userId, id, versions) {
      const removed = await run(
        (sql) => sql`
          delete from tasks where id = ${id} and user_id = ${userId} ${atVersion(versions)} returning id`,
      )
      return removed.length > 0
    },
  }
}
