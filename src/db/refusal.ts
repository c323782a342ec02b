import type { ClientSql } from './client.ts'
import { describeRefusal, errorCode, isTransient } from './sqlstate.ts'
import { JOURNAL_NAME, TABLE_NAMES } from './tables.ts'

/** The user and the schema of a start that was refused. */
export interface Refused {
  user: string
  /** The schema of the tables. */
  schema: string
  migrateOnStart: boolean
}

const MISSING_PRIVILEGE = '42501'

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : '')

/** PgBouncer uses this SQLSTATE for all its errors, also for temporary ones. */
const POOLER = '08P01'
const POOLER_REFUSES = /startup parameter|does not exist|no such|authentication failed|not allowed|denied/i

/** Whether the database or its pooler has refused the connection, so that trying again does not help. */
export const isRefusal = (error: unknown): boolean =>
  !isTransient(error) || (errorCode(error) === POOLER && POOLER_REFUSES.test(wordsOf(error)))

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

const TABLE_PRIVILEGES = ['select', 'insert', 'update', 'delete']

const tableGrants = (schema: string, user: string): string[] => {
  const tables = TABLE_NAMES.map((name) => `${quote(schema)}.${quote(name)}`).join(', ')
  return [
    `grant ${TABLE_PRIVILEGES.join(', ')} on ${tables} to ${quote(user)}`,
    `grant select on ${quote(schema)}.${quote(JOURNAL_NAME)} to ${quote(user)}`,
  ]
}

/** The statements that grant the privilege that a 42501 reports. If the message is translated, all that may be missing. */
const grantsFor = (error: unknown, { user, schema, migrateOnStart }: Refused): string[] => {
  const [, kind, name = schema] = /^permission denied for (\w+) "?(.+?)"?$/.exec(wordsOf(error)) ?? []
  if (kind === 'database') {
    const isConnect = error instanceof Error && 'detail' in error && /\bCONNECT\b/.test(String(error.detail))
    return [`grant ${isConnect ? 'connect' : 'create'} on database ${quote(name)} to ${quote(user)}`]
  }
  if (kind && ['drizzle', '__drizzle_migrations'].includes(name))
    return [
      `grant usage on schema drizzle to ${quote(user)}`,
      `grant select on drizzle.__drizzle_migrations to ${quote(user)}`,
    ]
  const privileges = migrateOnStart ? 'usage, create' : 'usage'
  const onSchema = `grant ${privileges} on schema ${quote(kind === 'schema' ? name : schema)} to ${quote(user)}`
  if (kind === 'schema') return [onSchema]
  return kind === 'table' ? tableGrants(schema, user) : [onSchema, ...tableGrants(schema, user)]
}

const CERTIFICATE = /CERT|SELF_SIGNED|ISSUER|LEAF_SIGNATURE/

const remedyFor = (error: unknown, refused: Refused): string | undefined => {
  const code = errorCode(error)
  const words = wordsOf(error)
  if (/^must be owner of/.test(words))
    return 'run "todo-backend migrate" as the owner of the tables, and this one with MIGRATE_ON_START=false'
  if (code === MISSING_PRIVILEGE) return `what helps: ${grantsFor(error, refused).join('; ')};`
  if (/startup parameter/.test(words))
    return 'leave options= out of DATABASE_URL, or name the server, not its pooler'
  if (code === '28P01' || /authentication failed/.test(words)) return 'correct them in DATABASE_URL'
  if (code === '28000') return 'name a user in DATABASE_URL who may log in from here'
  if (code === '3D000' || /does not exist/.test(words))
    return 'create it, or correct its name in DATABASE_URL'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'name the host in DATABASE_URL as its certificate does'
  if (CERTIFICATE.test(code))
    return 'name the file of the authority that made it as sslrootcert in DATABASE_URL'
  return undefined
}

/** Explains why a start was refused, and what to do. */
export const explainRefusal = (error: unknown, refused: Refused): string => {
  const remedy = remedyFor(error, refused)
  return remedy ? `${describeRefusal(error)}: ${remedy}` : describeRefusal(error)
}

/** What is wrong with the encoding of a database, if anything. Only UTF8 can store every character of a task. */
export const describeEncoding = async (sql: ClientSql): Promise<string | undefined> => {
  const [{ encoding, name }] = await sql<[{ encoding: string; name: string }]>`
    select current_setting('server_encoding') as encoding, current_database() as name`
  if (encoding === 'UTF8') return undefined
  const create = `create database ${quote(`${name}_utf8`)} encoding 'UTF8' locale 'C.UTF-8' template template0;`
  return `its encoding is ${encoding}, which does not have every character; make one that has: ${create}`
}

/**
 * Checks the user's privileges on the tables, so that the start fails and not the first requests.
 *
 * @throws the error that PostgreSQL would give for the first missing privilege
 */
export const checkPrivileges = async (sql: ClientSql, schema: string): Promise<void> => {
  const [refused] = await sql<{ name: string }[]>`
    select relname as name
    from pg_class
      join pg_namespace on pg_namespace.oid = relnamespace
      cross join (values ('select'), ('insert'), ('update'), ('delete')) as needed (privilege)
    where nspname = ${schema} and relname = any(string_to_array(${TABLE_NAMES.join()}, ','))
      and not has_table_privilege(pg_class.oid, privilege)
    order by relname
    limit 1`
  if (refused)
    throw Object.assign(new Error(`permission denied for table ${refused.name}`), { code: MISSING_PRIVILEGE })
}
