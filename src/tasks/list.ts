import { type ClientSql, fragment } from '../db/client.ts'
import type { Database } from '../db/database.ts'
import type { Statement } from '../db/statement.ts'
import { createPageWeights, PAGE_BYTES, pageLength } from './page.ts'
import { remember } from './remember.ts'
import { columns, type TaskRow, toReply } from './row.ts'
import type { TaskFilter, TaskReply, TaskStatus } from './schema.ts'

/** A page of tasks, and whether it is the last one. */
export interface TaskPage {
  tasks: TaskReply[]
  isLast: boolean
}

/** Up to this number, tasks are read without looking for the end of the page: even the longest are not much more. */
const FEW = 32

const nothing = fragment``
// The order of ids is the order of creation.
const newestFirst = fragment`order by id desc`

type Rows = ReturnType<Statement<TaskRow[]>>

/** Selects tasks of one user, with a limit. */
type Scan = (sql: ClientSql, limit: number) => Rows

/**
 * Cuts a scan after the end of its page and one task more, as far as the sizes in the database tell: no text is shorter
 * in JSON. The tasks beyond are not sent, and their long texts are not read from TOAST storage.
 */
const endOfPage = (sql: ClientSql, scan: Rows) => sql<TaskRow[]>`
  select ${columns} from (
    select found.*, sum(octet_length(title) + coalesce(octet_length(description), 0))
      over (${newestFirst} rows between unbounded preceding and 2 preceding) as bytes_before
    from (${scan}) as found
  ) as found
  where bytes_before is null or bytes_before <= ${PAGE_BYTES}
  ${newestFirst}`

/**
 * Makes the function that reads a page.
 *
 * @param now milliseconds since 1970
 */
export const createTaskList = ({ run, tables: { tasks } }: Database, now: () => number) => {
  const weights = createPageWeights(now)
  const haveMany = new Set<string>()

  const scanFor = (userId: string, { statuses, after }: TaskFilter): Scan => {
    const place = after === undefined ? nothing : fragment`and id < ${after}`
    const [first, second, third] = statuses
    return (sql, limit) => {
      const page = fragment`${newestFirst} limit ${limit}`
      const ofStatus = (status: TaskStatus) =>
        sql<TaskRow[]>`select ${columns} from ${tasks}
                       where user_id = ${userId} and status = ${status} ${place} ${page}`
      // No status can match, but the database is asked: if it fails, the answer must be 503, not an empty list.
      if (first === undefined)
        return sql<TaskRow[]>`select ${columns} from ${tasks} where user_id = ${userId} limit 0`
      if (second === undefined) return ofStatus(first)
      if (third !== undefined)
        return sql<TaskRow[]>`select ${columns} from ${tasks} where user_id = ${userId} ${place} ${page}`
      // Merges two index scans. With "in", PostgreSQL would sort all of the user's tasks.
      return sql<TaskRow[]>`(${ofStatus(first)}) union all (${ofStatus(second)}) ${page}`
    }
  }

  /** Most users have few tasks. Looking for the end of their page would cost the database a third more. */
  const readRows = async (userId: string, limit: number, scan: Scan): Promise<readonly TaskRow[]> => {
    const read = (statement: Statement<TaskRow[]>) => run(statement, userId, weights.of(userId))
    if (limit <= FEW) return read((sql) => scan(sql, limit))
    if (!haveMany.has(userId)) {
      const rows = await read((sql) => scan(sql, FEW))
      if (rows.length < FEW) return rows
      remember(haveMany, userId)
    }
    return read((sql) => endOfPage(sql, scan(sql, limit)))
  }

  return async (userId: string, filter: TaskFilter): Promise<TaskPage> => {
    // One more than asked for tells whether there is a next page.
    const rows = await readRows(userId, filter.limit + 1, scanFor(userId, filter))
    const found = rows.map((row) => toReply(userId, row))
    const length = pageLength(found, filter.limit)
    weights.note(userId, found)
    return {
      tasks: length < found.length ? found.slice(0, length) : found,
      isLast: length === found.length,
    }
  }
}
