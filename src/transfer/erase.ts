import type { ClientSql } from '../db/client.ts'
import type { Tables } from '../db/tables.ts'

/** What was deleted with a user. */
export interface Erased {
  tasks: number
  keys: number
}

/**
 * Deletes a user, with all tasks and idempotency keys, in one transaction. `undefined` if there is no such user. Writes of
 * the user wait for the row lock, and then fail or create the user again.
 *
 * @param sql one connection. Destroy it if this fails: its transaction is still open.
 */
export const eraseUser = async (
  sql: ClientSql,
  { users, tasks, idempotencyKeys }: Tables,
  userId: string,
): Promise<Erased | undefined> => {
  const count = async (deleted: Promise<{ count: number }[]>) => (await deleted)[0]?.count ?? 0
  await sql`begin`
  const [user] = await sql`select from ${users} where id = ${userId} for update`
  const erased = {
    tasks: await count(sql<{ count: number }[]>`
      with gone as (delete from ${tasks} where user_id = ${userId} returning 1) select count(*) from gone`),
    keys: await count(sql<{ count: number }[]>`
      with gone as (delete from ${idempotencyKeys} where user_id = ${userId} returning 1) select count(*) from gone`),
  }
  await sql`delete from ${users} where id = ${userId}`
  await sql`commit`
  return user ? erased : undefined
}
