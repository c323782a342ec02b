import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  customType,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { TASK_STATUSES } from './task-statuses.ts'

const bytes = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })
const time = () => timestamp({ withTimezone: true, mode: 'string' })

/**
 * Whoever owns tasks: an id known from a token alone, or an account made by signup, which also has an email
 * and a password hash. The collation makes `lower` mean the same in every database: a Turkish one would not take
 * `ALI@example.com` for `ali@example.com`.
 */
export const users = pgTable(
  'users',
  {
    id: text().primaryKey(),
    email: text(),
    password_hash: text(),
    created_at: time().notNull().defaultNow(),
  },
  (table) => [uniqueIndex('users_email_key').on(sql`lower(${table.email} collate "C")`)],
)

/**
 * `completed` is derived by the database, so that it cannot disagree with `status`. `updated_at` rises with
 * every stored change and is the task's version: the `ETag` is made of it.
 *
 * Both indexes serve lists, which are ordered by id: the identity is the order of creation. They begin with the
 * user, so that the table can be distributed by it. `status` stands before the id so that a page of a rare status
 * costs as much as any other.
 */
export const tasks = pgTable(
  'tasks',
  {
    id: bigint({ mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    user_id: text()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    title: text().notNull(),
    description: text(),
    status: text({ enum: TASK_STATUSES }).notNull().default('pending'),
    completed: boolean().notNull().generatedAlwaysAs(sql`status = 'completed'`),
    created_at: time().notNull().defaultNow(),
    updated_at: time().notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.user_id, table.id] }),
    index('tasks_by_status').on(table.user_id, table.status, table.id),
    check('tasks_status_check', sql`${table.status} in ('pending', 'in_progress', 'completed')`),
    check('tasks_title_check', sql`char_length(${table.title}) between 1 and 200`),
    check('tasks_description_check', sql`char_length(${table.description}) <= 10000`),
  ],
)

/**
 * What a retried `POST /api/tasks` needs: which task the key made, and when. Everything else in the first
 * answer is in the request itself, which must be the same (`fingerprint`).
 */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    user_id: text()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    key: text().notNull(),
    fingerprint: bytes().notNull(),
    task_id: bigint({ mode: 'number' }).notNull(),
    created_at: time().notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.user_id, table.key] }),
    index('idempotency_keys_by_age').on(table.user_id, table.created_at),
  ],
)

/** The counts of rate limits, in the columns that rate-limiter-flexible writes. */
export const rateLimits = pgTable('rate_limits', {
  key: text().primaryKey(),
  points: integer().notNull().default(0),
  /** Milliseconds since 1970. */
  expire: bigint({ mode: 'number' }),
})
