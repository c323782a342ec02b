import { type ClientSql, type Fragment, fragment } from '../db/client.ts'
import type { Database } from '../db/database.ts'
import { violatedConstraint } from '../db/sqlstate.ts'
import type { Statement } from '../db/statement.ts'
import { atVersion, isStatusClear, later, statusFor, type Versions } from './change-sql.ts'
import { createTaskList, type TaskPage } from './list.ts'
import { remember } from './remember.ts'
import { columns, type TaskRow, toReply } from './row.ts'
import type { NewTask, TaskChange, TaskFilter, TaskReply } from './schema.ts'

/** An idempotency key, and the digest of the task that it came with. */
export interface Idempotency {
  key: string
  fingerprint: Uint8Array
}

/** The tasks in the database. Every function takes the user, and every statement names it. */
export interface TaskRepository {
  /** The task, or `null` if the user has no task with this id. */
  find(userId: string, id: number): Promise<TaskReply | null>
  /** The newest tasks first, at most `filter.limit` and at most one page. */
  list(userId: string, filter: TaskFilter): Promise<TaskPage>
  /** Creates a task, and the user if it is the first one. */
  create(userId: string, task: NewTask): Promise<TaskReply>
  /**
   * As {@link TaskRepository.create}, but once for each key. A repeated call returns the first result, or `null` if the
   * fingerprint differs.
   */
  createOnce(userId: string, task: NewTask, idempotency: Idempotency): Promise<TaskReply | null>
  /**
   * Changes a task and returns it. `null` if there is no task with this id and version, or if the change has a status and
   * a completion that disagree and both differ from the task.
   */
  change(userId: string, id: number, change: TaskChange, versions: Versions): Promise<TaskReply | null>
  /** Completes a task, or reopens a completed one. `null` as for {@link TaskRepository.change}. */
  toggle(userId: string, id: number, versions: Versions): Promise<TaskReply | null>
  /** Deletes a task. False if there is no task with this id and version. */
  remove(userId: string, id: number, versions: Versions): Promise<boolean>
}

/** What the database generates for a new task. */
type Made = Pick<TaskRow, 'id' | 'created_at'>

const nothing = fragment``
// Keys are kept for a day. Each keyed request deletes up to two expired keys of its user.
const isExpired = fragment`created_at < now() - interval '24 hours'`
const [title, description] = [fragment`title`, fragment`description`]

/**
 * The statements also run on Citus with `tasks` and `idempotency_keys` distributed by `user_id`: each names one user, and
 * in an `update` no expression over a column is volatile or depends on a session setting.
 * https://docs.citusdata.com/en/stable/develop/reference_dml.html
 *
 * @param now milliseconds since 1970
 */
export const taskRepository = (database: Database, now: () => number): TaskRepository => {
  const { run, tables } = database
  const { tasks, users, idempotencyKeys } = tables
  const known = new Set<string>()

  /** Runs a statement that returns at most one task. */
  const one = async (userId: string, statement: Statement<TaskRow[]>): Promise<TaskReply | null> => {
    const [row] = await run(statement, userId)
    return row ? toReply(userId, row) : null
  }

  /**
   * Runs a statement that needs the user's row. Unless it is known to exist, the statement inserts it, as part of a
   * `with`. If the user was erased since, the foreign key fails and the statement runs again with the insert.
   */
  const runForUser = async <T extends Made>(
    userId: string,
    statement: (sql: ClientSql, owner: Fragment | undefined) => ReturnType<Statement<[T]>>,
  ): Promise<T> => {
    if (known.has(userId))
      try {
        return (await run((sql) => statement(sql, undefined), userId))[0]
      } catch (error) {
        if (violatedConstraint(error) !== 'tasks_user_id_users_id_fk') throw error
      }
    const owner = fragment`owner as (insert into ${users} (id) values (${userId}) on conflict do nothing)`
    const [row] = await run((sql) => statement(sql, owner), userId)
    remember(known, userId)
    return row
  }

  /** The task that a key has created, or `null` if the key is free. An expired key is deleted, and so free. */
  const recall = async (
    userId: string,
    { key, fingerprint }: Idempotency,
  ): Promise<(Made & { same: boolean }) | null> => {
    const [kept] = await run(
      (sql) => sql<(Made & { same: boolean; expired: boolean })[]>`
        select task_id as id, created_at, fingerprint = ${fingerprint} as same, ${isExpired} as expired
        from ${idempotencyKeys} where user_id = ${userId} and key = ${key}`,
      userId,
    )
    if (!kept?.expired) return kept ?? null
    await run(
      (sql) =>
        sql`delete from ${idempotencyKeys} where user_id = ${userId} and key = ${key} and ${isExpired}`,
      userId,
    )
    return null
  }

  return {
    find: (userId, id) =>
      one(userId, (sql) => sql`select ${columns} from ${tasks} where user_id = ${userId} and id = ${id}`),

    list: createTaskList(database, now),

    async create(userId, task) {
      const row = await runForUser(
        userId,
        (sql, owner) => sql<[TaskRow]>`
          ${owner ? fragment`with ${owner}` : nothing}
          insert into ${tasks} (user_id, title, description, status)
          values (${userId}, ${task.title}, ${task.description}, ${task.status})
          returning ${columns}`,
      )
      return toReply(userId, row)
    },

    async createOnce(userId, task, idempotency) {
      const { key, fingerprint } = idempotency
      for (;;) {
        try {
          // If the key exists, its primary key makes the whole statement fail, and no task is created. A simultaneous
          // request with the same key waits until this one is committed.
          const { id, created_at } = await runForUser(
            userId,
            (sql, owner) => sql<[Made]>`
              with ${owner ? fragment`${owner},` : nothing} expired as (
                delete from ${idempotencyKeys}
                where user_id = ${userId} and key in (
                  select key from ${idempotencyKeys}
                  where user_id = ${userId} and key <> ${key} and ${isExpired}
                  order by created_at limit 2 for update skip locked
                )
              ),
              created as (
                insert into ${tasks} (user_id, title, description, status)
                values (${userId}, ${task.title}, ${task.description}, ${task.status})
                returning id, created_at
              ),
              claimed as (
                insert into ${idempotencyKeys} (user_id, key, fingerprint, task_id)
                select ${userId}, ${key}, ${fingerprint}, id from created
              )
              select id, created_at from created`,
          )
          return toReply(userId, { id, ...task, created_at, updated_at: created_at })
        } catch (error) {
          if (violatedConstraint(error) !== 'idempotency_keys_user_id_key_pk') throw error
        }
        const kept = await recall(userId, idempotency)
        if (!kept) continue
        if (!kept.same) return null
        const { id, created_at } = kept
        return toReply(userId, { id, ...task, created_at, updated_at: created_at })
      }
    },

    async change(userId, id, wanted, versions) {
      const newTitle = wanted.title === undefined ? title : fragment`${wanted.title}`
      const newDescription = wanted.description === undefined ? description : fragment`${wanted.description}`
      const newStatus = statusFor(wanted.status)
      return one(
        userId,
        (sql) => sql`
          update ${tasks} set
            title = ${newTitle},
            description = ${newDescription},
            status = ${newStatus},
            updated_at = case
              when (title, description, status) is distinct from (${newTitle}, ${newDescription}, ${newStatus})
              then ${later(now())} else updated_at end
          where user_id = ${userId} and id = ${id} ${atVersion(versions)} ${isStatusClear(wanted.status)}
          returning ${columns}`,
      )
    },

    toggle: (userId, id, versions) =>
      one(
        userId,
        (sql) => sql`
          update ${tasks} set
            status = case when completed then 'pending' else 'completed' end,
            updated_at = ${later(now())}
          where user_id = ${userId} and id = ${id} ${atVersion(versions)}
          returning ${columns}`,
      ),

    async remove(userId, id, versions) {
      const removed = await run(
        (sql) => sql`
          delete from ${tasks} where user_id = ${userId} and id = ${id} ${atVersion(versions)} returning id`,
        userId,
      )
      return removed.length > 0
    },
  }
}
