import { type ClientSql, type Fragment, fragment } from '../db/client.ts'
import type { Database } from '../db/database.ts'
import type { Statement } from '../db/pool.ts'
import { violatedConstraint } from '../db/sqlstate.ts'
import { createPageWeights, PAGE_BYTES, pageLength } from './page.ts'
import type { Disagreement, NewTask, TaskChange, TaskFilter, TaskReply, TaskStatus } from './schema.ts'

/** The versions of a task, as in `updated_at`, that a change is allowed on: any, some, or all but some. */
export type Versions = '*' | { in: readonly string[] } | { notIn: readonly string[] }

/** What is known about a keyed request that makes a task. */
export interface Idempotency {
  key: string
  /** A digest of what the task is made of: the same key must come with the same. */
  fingerprint: Uint8Array
}

/** Some tasks, in order, and whether there are more after them. */
export interface TaskPage {
  tasks: TaskReply[]
  isLast: boolean
}

/** The tasks of users. Every function asks for the user, and no statement is without it. */
export interface TaskRepository {
  /** The task, or `null` when this user has none of that id. */
  find(userId: string, id: number): Promise<TaskReply | null>
  /** Newest first, at most `filter.limit`, and no more than make a page. */
  list(userId: string, filter: TaskFilter): Promise<TaskPage>
  /** Makes a task, and the user with the first one. */
  create(userId: string, task: NewTask): Promise<TaskReply>
  /**
   * As {@link TaskRepository.create}, but once for each key: again gives the first answer again, and `null`
   * when the fingerprint is another.
   */
  createOnce(userId: string, task: NewTask, idempotency: Idempotency): Promise<TaskReply | null>
  /**
   * The task as changed, or `null` when there is none of that id and version, or one from which both sides of a
   * {@link Disagreement} differ.
   */
  change(userId: string, id: number, change: TaskChange, versions: Versions): Promise<TaskReply | null>
  /** The task, completed if it was not and pending if it was; `null` as for {@link TaskRepository.change}. */
  toggle(userId: string, id: number, versions: Versions): Promise<TaskReply | null>
  /** True when a task of that id and version was there, and is not any more. */
  remove(userId: string, id: number, versions: Versions): Promise<boolean>
}

/** What is read of a task: the rest of a reply is known, or follows from the status. */
type Row = Omit<TaskReply, 'user_id' | 'completed'>

/** What the database decides about a new task. */
type Made = Pick<Row, 'id' | 'created_at'>

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

/** So many of the longest tasks are read as they are: not much more than makes a page. */
const FEW = 32

/** How many users something is remembered of: about 5 MB. */
const MAX_REMEMBERED = 50_000

const remember = (users: Set<string>, userId: string) => {
  if (users.size >= MAX_REMEMBERED) users.clear()
  users.add(userId)
}

/**
 * The statements stay within what an engine takes that distributes `tasks` and `idempotency_keys` by `user_id`
 * (Citus): each names one user, and nothing volatile, or that depends on a setting of the session, is made of a
 * column in an `update`. https://docs.citusdata.com/en/stable/develop/reference_dml.html
 *
 * @param now milliseconds since 1970
 */
export const taskRepository = ({ run, tables }: Database, now: () => number): TaskRepository => {
  const { tasks, users, idempotencyKeys } = tables
  const columns = fragment`id, title, description, status, created_at, updated_at`
  // The order of ids is the order of creation.
  const newestFirst = fragment`order by id desc`
  // Keys are kept for a day; later keyed requests of the user sweep the expired ones, two at a time.
  const isExpired = fragment`created_at < now() - interval '24 hours'`
  const weights = createPageWeights(now)
  const reopened = fragment`case when completed then 'pending' else status end`
  const [title, description, status] = [fragment`title`, fragment`description`, fragment`status`]
  const nothing = fragment``

  /** The time of a change: later than the last one even when the clock is not. */
  const later = () => fragment`
    greatest(${new Date(now()).toISOString()},
             ((updated_at at time zone 'UTC') + interval '1 microsecond') at time zone 'UTC')`

  const times = (versions: readonly string[]) =>
    fragment`(string_to_array(${versions.join()}, ',')::timestamptz[])`
  const atVersion = (versions: Versions) => {
    if (versions === '*') return nothing
    return 'in' in versions
      ? fragment`and updated_at = any${times(versions.in)}`
      : fragment`and updated_at <> all${times(versions.notIn)}`
  }

  /**
   * Of the tasks that a statement finds, those that make a page and one more, as far as sizes in the database tell:
   * JSON makes nothing shorter. What is beyond is neither sent nor taken out of where long texts are stored.
   */
  const endOfPage = (sql: ClientSql, scan: ReturnType<Statement<Row[]>>) => sql<Row[]>`
    select ${columns} from (
      select found.*, sum(octet_length(title) + coalesce(octet_length(description), 0))
        over (${newestFirst} rows between unbounded preceding and 2 preceding) as bytes_before
      from (${scan}) as found
    ) as found
    where bytes_before is null or bytes_before <= ${PAGE_BYTES}
    ${newestFirst}`

  /** True for a row that is of another version than the client has read. */
  const isStale = ({ readAt }: Disagreement) =>
    readAt ? fragment`(updated_at < ${readAt.from} or updated_at >= ${readAt.before})` : fragment`false`

  /** The status that is meant, of the row's own and the two that do not agree. */
  const settled = (wanted: Disagreement) =>
    wanted.completed
      ? fragment`case when status = ${wanted.status} or ${isStale(wanted)} then 'completed' else ${wanted.status} end`
      : fragment`case when completed then 'pending' when ${isStale(wanted)} then status else 'completed' end`

  /** Only rows for which {@link settled} decides: not, say, one in progress that is to be pending and completed. */
  const decided = (wanted: Disagreement) =>
    wanted.completed ? fragment`and (completed or status = ${wanted.status} or ${isStale(wanted)})` : nothing

  const statusFor = (wanted: TaskChange['status']) => {
    if (wanted === undefined) return status
    if (wanted === 'reopened') return reopened
    return typeof wanted === 'object' ? settled(wanted) : fragment`${wanted}`
  }

  /** The first row as a reply. */
  const one = async (userId: string, statement: Statement<Row[]>): Promise<TaskReply | null> => {
    const [row] = await run(statement, userId)
    return row ? toReply(userId, row) : null
  }

  const known = new Set<string>()
  const haveMany = new Set<string>()

  /**
   * Reads a page, with one task more than asked for when there are more. Most users have few tasks, and those are read
   * as they are: to look for the end of the page would take the database a third longer.
   */
  const readPage = async (
    userId: string,
    most: number,
    scan: (sql: ClientSql, most: number) => ReturnType<Statement<Row[]>>,
  ) => {
    const read = (statement: Statement<Row[]>) => run(statement, userId, weights.of(userId))
    if (most <= FEW) return read((sql) => scan(sql, most))
    if (!haveMany.has(userId)) {
      const rows = await read((sql) => scan(sql, FEW))
      if (rows.length < FEW) return rows
      remember(haveMany, userId)
    }
    return read((sql) => endOfPage(sql, scan(sql, most)))
  }

  /**
   * Runs a statement that needs the user to be in the database. One who is not known to be there is put there by
   * it, as part of a `with`; one who has been erased meanwhile is found out about by the foreign key.
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

  /** What a key stands for, or `null` when it is free: never used, or so long ago that it is forgotten now. */
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

    async list(userId, { statuses, limit, after }) {
      const place = after === undefined ? nothing : fragment`and id < ${after}`
      const [first, second, third] = statuses
      const scan = (sql: ClientSql, most: number) => {
        const page = fragment`${newestFirst} limit ${most}`
        const ofStatus = (wanted: TaskStatus) =>
          sql<Row[]>`select ${columns} from ${tasks}
                     where user_id = ${userId} and status = ${wanted} ${place} ${page}`
        // Asked for all the same: a database that cannot answer must not look like one without tasks.
        if (first === undefined)
          return sql<Row[]>`select ${columns} from ${tasks} where user_id = ${userId} limit 0`
        if (second === undefined) return ofStatus(first)
        if (third !== undefined)
          return sql<Row[]>`select ${columns} from ${tasks} where user_id = ${userId} ${place} ${page}`
        // Two scans of the index, merged: with "in" all of the user's tasks would have to be sorted.
        return sql<Row[]>`(${ofStatus(first)}) union all (${ofStatus(second)}) ${page}`
      }
      const rows = await readPage(userId, limit + 1, scan)
      const found = rows.map((row) => toReply(userId, row))
      const length = pageLength(found, limit)
      weights.note(userId, found)
      return {
        tasks: length < found.length ? found.slice(0, length) : found,
        isLast: length === found.length,
      }
    },

    async create(userId, task) {
      const row = await runForUser(
        userId,
        (sql, owner) => sql<[Row]>`
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
          // The key's uniqueness undoes the task where there is one already. Of two at the same moment one waits
          // for the other at the key.
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
        return toReply(userId, {
          ...task,
          id: kept.id,
          created_at: kept.created_at,
          updated_at: kept.created_at,
        })
      }
    },

    async change(userId, id, wanted, versions) {
      const newTitle = wanted.title === undefined ? title : fragment`${wanted.title}`
      const newDescription = wanted.description === undefined ? description : fragment`${wanted.description}`
      const newStatus = statusFor(wanted.status)
      const where = typeof wanted.status === 'object' ? decided(wanted.status) : nothing
      return one(
        userId,
        (sql) => sql`
          update ${tasks} set
            title = ${newTitle},
            description = ${newDescription},
            status = ${newStatus},
            updated_at = case
              when (title, description, status) is distinct from (${newTitle}, ${newDescription}, ${newStatus})
              then ${later()} else updated_at end
          where user_id = ${userId} and id = ${id} ${atVersion(versions)} ${where}
          returning ${columns}`,
      )
    },

    toggle: (userId, id, versions) =>
      one(
        userId,
        (sql) => sql`
          update ${tasks} set
            status = case when completed then 'pending' else 'completed' end,
            updated_at = ${later()}
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
