import type { Sql } from 'postgres'

/** How many tasks there are and whose. Task ids run from 1 to `tasks`. */
export interface DataSet {
  tasks: number
  /** Ordinary users, among whom the tasks are dealt out in turn. */
  users: number
  /** Tasks of the one user `HEAVY_USER`, spread evenly over the whole table. */
  heavyTasks: number
  /** One task in this many is in progress; a third of the others are completed. */
  inProgressEvery: number
}

/** 1,000 users with 20 tasks each. */
export const STANDARD_DATA_SET: DataSet = { tasks: 20_000, users: 1000, heavyTasks: 0, inProgressEvery: 5 }

/** Users without tasks, who create them in the mixture, so that lists stay as long as they were. */
export const CREATORS = 100
export const HEAVY_USER = 'heavy'
export const userId = (number: number) => `user-${number}`
export const creatorId = (number: number) => `creator-${number}`

/** Creates the users of a data set. */
export async function seedUsers(sql: Sql, { users }: DataSet): Promise<void> {
  const ids = [
    HEAVY_USER,
    ...Array.from({ length: users }, (_, index) => userId(index + 1)),
    ...Array.from({ length: CREATORS }, (_, index) => creatorId(index + 1)),
  ]
  await sql`insert into users (id) select unnest(${ids}::text[])`
}

/**
 * Replaces all tasks by those of the data set, and leaves the table as a vacuum would: each turn that
 * writes starts from the same pages. Tasks are dealt out to the users in turn, because people add to their
 * lists over time: one user's rows lie on many pages. Times have microseconds, as `now()` gives them.
 */
export async function seedTasks(
  sql: Sql,
  { tasks, users, heavyTasks, inProgressEvery }: DataSet,
): Promise<void> {
  await sql.begin(async (transaction) => {
    // Ten million checks of a foreign key that cannot fail would take longer than the rows themselves.
    await transaction`set local session_replication_role = replica`
    await transaction`truncate tasks`
    await transaction`
      insert into tasks (id, user_id, title, description, status, created_at, updated_at)
      overriding system value
      select
        n,
        case
          when n * ${heavyTasks}::bigint / ${tasks} > (n - 1) * ${heavyTasks}::bigint / ${tasks}
          then ${HEAVY_USER} else 'user-' || (n - 1) % ${users} + 1
        end,
        'Task ' || n || ': call the plumber',
        'The tap in the kitchen drips. Ask for a price first, and for a day after the ' || n % 28 + 1 || 'th.',
        case when n % ${inProgressEvery} = 0 then 'in_progress' when n % 3 = 0 then 'completed' else 'pending' end,
        timestamptz '2025-01-01Z' + n * interval '1.000123 seconds',
        timestamptz '2025-01-01Z' + n * interval '1.000123 seconds'
      from generate_series(1, ${tasks}::bigint) as n`
    await transaction`select setval(pg_get_serial_sequence('tasks', 'id'), ${tasks})`
  })
  await sql`vacuum analyze tasks`
}
