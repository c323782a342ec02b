/** The states a task can be in; apart from the tables, so that the service does not load drizzle for them. */
export const TASK_STATUSES = ['pending', 'in_progress', 'completed'] as const
