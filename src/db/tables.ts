import { fragment } from './client.ts'

/** The tables that requests read and write. */
export const TABLE_NAMES = ['users', 'tasks', 'idempotency_keys', 'rate_limits'] as const

/** The table that records the applied migrations. Requests only read it. */
export const JOURNAL_NAME = 'todo_backend_migrations'

/**
 * The names of the tables for statements, qualified with the schema. A search path cannot be used, because poolers refuse to
 * set one for a connection (08P01).
 *
 * @param schema the name of the schema, without quotes and dots
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
