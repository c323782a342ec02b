import { pgTable, text } from 'drizzle-orm/pg-core'

/** What a front end lists for `drizzle-kit push`: its own tables, and none of this service's. */
export const user = pgTable('user', {
  id: text().primaryKey(),
  name: text().notNull(),
  email: text().notNull(),
})
