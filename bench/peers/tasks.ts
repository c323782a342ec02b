import postgres from 'postgres'

/** A task as postgres.js reads it: `int8` made a number, timestamps made `Date`s. */
export interface Task {
  id: number
  user_id: string
  title: string
  description: string | null
  status: string
  completed: boolean
  created_at: Date
  updated_at: Date
}

/** What a client may say about a new task, after validation. */
export interface NewTask {
  title: string
  description: string | null
  status: string
}

/** A server's tasks, in the lean table (see `seedLeanTasks`), whatever the driver. */
export interface Tasks {
  find(userId: string, id: number): Promise<Task | undefined>
  list(userId: string): Promise<Task[]>
  create(userId: string, task: NewTask): Promise<Task>
  toggle(userId: string, id: number): Promise<Task | undefined>
  close(): Promise<void>
}

/**
 * The queries of both postgres.js peers, as their authors would write them: tagged templates, which the
 * driver prepares once per connection, and its own parsers, with `int8` read as a number.
 */
export function openTasks(databaseUrl: string): Tasks {
  const sql = postgres(databaseUrl, {
    max: 10,
    onnotice: () => {},
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  })
  const columns = sql`
    id, user_id, title, description, status, status = 'completed' as completed, created_at, updated_at`

  return {
    async find(userId: string, id: number) {
      const [task] = await sql<Task[]>`
        select ${columns} from lean_tasks where user_id = ${userId} and id = ${id}`
      return task
    },

    async list(userId: string): Promise<Task[]> {
      return sql<Task[]>`
        select ${columns} from lean_tasks where user_id = ${userId} order by id desc limit 1000`
    },

    async create(userId: string, { title, description, status }: NewTask) {
      const [task] = await sql<[Task]>`
        insert into lean_tasks (user_id, title, description, status)
        values (${userId}, ${title}, ${description}, ${status}) returning ${columns}`
      return task
    },

    async toggle(userId: string, id: number) {
      const [task] = await sql<Task[]>`
        update lean_tasks
        set status = case status when 'completed' then 'pending' else 'completed' end, updated_at = now()
        where user_id = ${userId} and id = ${id} returning ${columns}`
      return task
    },

    close: () => sql.end({ timeout: 5 }),
  }
}
