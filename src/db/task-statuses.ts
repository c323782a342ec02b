/** The statuses of a task. In a file of their own, so that the service does not load drizzle for them. */
export const TASK_STATUSES = ['pending', 'in_progress', 'completed'] as const
