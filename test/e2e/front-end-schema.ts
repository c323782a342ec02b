import { boolean, pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** Better Auth's tables, as a front end describes them that keeps its database with drizzle-kit. */

const id = text().primaryKey()
const time = () => timestamp({ withTimezone: true })
const created = { createdAt: time().notNull(), updatedAt: time().notNull() }

export const user = pgTable('user', {
  id,
  name: text().notNull(),
  email: text().notNull(),
  emailVerified: boolean().notNull(),
  image: text(),
  ...created,
})

export const session = pgTable('session', {
  id,
  expiresAt: time().notNull(),
  token: text().notNull(),
  ipAddress: text(),
  userAgent: text(),
  userId: text().notNull(),
  ...created,
})

export const account = pgTable('account', {
  id,
  accountId: text().notNull(),
  providerId: text().notNull(),
  userId: text().notNull(),
  accessToken: text(),
  refreshToken: text(),
  idToken: text(),
  accessTokenExpiresAt: time(),
  refreshTokenExpiresAt: time(),
  scope: text(),
  password: text(),
  ...created,
})

export const verification = pgTable('verification', {
  id,
  identifier: text().notNull(),
  value: text().notNull(),
  expiresAt: time().notNull(),
  ...created,
})

export const jwks = pgTable('jwks', {
  id,
  publicKey: text().notNull(),
  privateKey: text().notNull(),
  createdAt: time().notNull(),
  expiresAt: time(),
  alg: text(),
  crv: text(),
})
