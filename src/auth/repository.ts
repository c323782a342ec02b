import { fragment } from '../db/client.ts'
import type { Database } from '../db/database.ts'
import { violatedConstraint } from '../db/sqlstate.ts'
import { AppError } from '../errors.ts'
import type { UserReply } from './schema.ts'

/** An account as stored. Only the login route sees the hash. */
export interface Account {
  user: UserReply
  passwordHash: string
}

export interface UserRepository {
  /** @throws {AppError} `email_taken` */
  create(id: string, email: string, passwordHash: string): Promise<UserReply>
  /** The account with an email, compared without case. */
  findByEmail(email: string): Promise<Account | null>
  /** Replaces a hash, unless it has changed since it was read. */
  replaceHash(id: string, oldHash: string, newHash: string): Promise<void>
}

export const userRepository = ({ run, tables }: Database): UserRepository => {
  const columns = fragment`id, email, created_at`
  return {
    async create(id, email, passwordHash) {
      try {
        const [user] = await run(
          (sql) => sql<[UserReply]>`
            insert into ${tables.users} (id, email, password_hash) values (${id}, ${email}, ${passwordHash})
            returning ${columns}`,
          email,
        )
        return user
      } catch (error) {
        throw violatedConstraint(error) === 'users_email_key' ? new AppError('email_taken') : error
      }
    },

    async findByEmail(email) {
      const [found] = await run(
        (sql) => sql<(UserReply & { password_hash: string })[]>`
          select ${columns}, password_hash from ${tables.users}
          where lower(email collate "C") = lower(${email}::text collate "C") and password_hash is not null`,
        email,
      )
      if (!found) return null
      const { password_hash: passwordHash, ...user } = found
      return { user, passwordHash }
    },

    async replaceHash(id, oldHash, newHash) {
      await run(
        (sql) => sql`
          update ${tables.users} set password_hash = ${newHash} where id = ${id} and password_hash = ${oldHash}`,
        id,
      )
    },
  }
}
