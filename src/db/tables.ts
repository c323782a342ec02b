import { fragment } from './client.ts'

/** The tables that requests read and write. */
export const TABLE_NAMES = ['users', 'tasks', 'idempotency_keys', 'rate_limits'] as const

/** Where the migrations that were made are recorded; requests only read it. */
export const JOURNAL_NAME = 'todo_backend_migrations'

/**
 * The tables of the service, by the names that statements have for them. They are qualified with the schema: a
 * search path cannot be relied on, because poolers refuse to set one for a connection (08P01).
 *
 * @param schema the name of the schema, as it is, without quotes and dots
 */
export const tablesIn = (schema: string) => ({
  schema,
  users: fragment(`${schema}.users`),
  tasks: fragment(`${schema}.tasks`),
  idempotencyKeys: fragment(`${schema}.idempotency_keys`),
  rateLimits: fragment(`${schema}.rate_limits`),
  /** The sequence of the tasks' ids. */
  taskIds: fragment(`${schema}.tasks_id_seq`),
  journal: fragment(`${schema}.${JOURNAL_NAME}`),
})

export type Tables = ReturnType<typeof tablesIn>
