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
 * Owners of tasks. A user known from a token only has an id. An account made by signup also has an email and a password
 * hash. The collation makes `lower` work the same in every database: with a Turkish one, `ALI@example.com` would not equal
 * `ali@example.com`.
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
 * The database derives `completed`, so that it cannot disagree with `status`. `updated_at` rises with every stored change;
 * it is the task's version, and the `ETag` is made from it.
 *
 * Both indexes serve lists, which are ordered by id, the order of creation. They begin with the user, so that the table
 * can be distributed by it. In the second, `status` comes before the id, so that a page of a rare status costs no more
 * than any other.
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
 * The idempotency keys, with the id and the time of the task that each has created. The rest of the first answer is made from
 * the repeated request, which must have the same `fingerprint`.
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
