import { SQL } from 'bun'
import type { Task, Tasks } from './tasks.ts'

/** The queries of `tasks.ts` on Bun's own driver. */
export function openTasks(databaseUrl: string): Tasks {
  const sql = new SQL({ url: databaseUrl, max: 10 })

  return {
    async find(userId, id) {
      const [task]: Task[] = await sql`
        select id, user_id, title, description, status, status = 'completed' as completed, created_at, updated_at
        from lean_tasks where user_id = ${userId} and id = ${id}`
      return withNumber(task)
    },

    async list(userId) {
      const tasks: Task[] = await sql`
        select id, user_id, title, description, status, status = 'completed' as completed, created_at, updated_at
        from lean_tasks where user_id = ${userId} order by id desc limit 1000`
      for (const task of tasks) withNumber(task)
      return tasks
    },

    async create(userId, { title, description, status }) {
      const [task]: [Task] = await sql`
        insert into lean_tasks (user_id, title, description, status)
        values (${userId}, ${title}, ${description}, ${status})
        returning id, user_id, title, description, status, status = 'completed' as completed, created_at, updated_at`
      return withNumber(task)
    },

    async toggle(userId, id) {
      const [task]: Task[] = await sql`
        update lean_tasks
        set status = case status when 'completed' then 'pending' else 'completed' end, updated_at = now()
        where user_id = ${userId} and id = ${id}
        returning id, user_id, title, description, status, status = 'completed' as completed, created_at, updated_at`
      return withNumber(task)
    },

    close: () => sql.close({ timeout: 5 }),
  }
}

/** An `int8` comes as text. */
function withNumber<T extends Task | undefined>(task: T): T {
  if (task) task.id = Number(task.id)
  return task
}
