import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { type DatabaseAddress, DatabaseUrlError, parseDatabaseUrl } from '../database-url.ts'
import type { ClientSql, Connection } from '../db/client.ts'
import { type DatabaseSource, databaseSource, prepareDatabase } from '../db/source.ts'
import { describeRefusal } from '../db/sqlstate.ts'
import { commandLine } from '../invocation.ts'
import type { Log } from '../log.ts'
import { StartError } from '../system-error.ts'
import { TransferError } from './transfer-error.ts'

/** One end of a transfer. */
export interface End {
  /** For people; without credentials. */
  description: string
  sql: ClientSql
  closed: Connection['closed']
  close(): Promise<void>
}

/** A suspended database may take a while to start. */
const CONNECT_TIMEOUT_MS = 30_000

const hasDatabase = (directory: string): boolean => existsSync(join(directory, 'postgres', 'PG_VERSION'))

const open = async (which: string, source: DatabaseSource): Promise<End> => {
  try {
    await source.started()
    const connection = await source.connect()
    return {
      description: source.description,
      sql: connection.sql,
      closed: connection.closed,
      async close() {
        await connection.end()
        await source.close()
      },
    }
  } catch (error) {
    await source.close()
    if (error instanceof StartError) throw error
    throw new TransferError(
      `The ${which} (${source.description}) cannot be used: ${describeRefusal(error)}`,
      {
        cause: error,
      },
    )
  }
}

const readAddress = (text: string): DatabaseAddress => {
  try {
    return parseDatabaseUrl(text)
  } catch (error) {
    if (error instanceof DatabaseUrlError) throw new TransferError(`The source ${error.message}`)
    throw error
  }
}

/**
 * Opens the source: a PostgreSQL URL, or a directory of the embedded database, which is locked until it is closed.
 *
 * @throws {TransferError} {@link StartError} when a database cannot be used
 */
export const openSource = (text: string, config: Config, log: Log): Promise<End> => {
  const common = { ...config, databaseTimeoutMs: CONNECT_TIMEOUT_MS }
  if (/:\/\/|^["']|^psql /.test(text))
    return open('source', databaseSource({ ...common, database: readAddress(text) }, log))
  if (!hasDatabase(text))
    throw new TransferError(
      `"${text}" is neither a directory of the embedded database (there is no ${join(text, 'postgres', 'PG_VERSION')}) nor ` +
        'a postgresql:// URL.',
    )
  if (
    config.database === undefined &&
    existsSync(config.dataDir) &&
    realpathSync(text) === realpathSync(config.dataDir)
  )
    throw new TransferError(
      `The source is the target: ${config.dataDir} is the database that the configuration names. Set DATABASE_URL, or ` +
        'another DATA_DIR, for where the tasks shall go.',
    )
  return open('source', databaseSource({ ...common, database: undefined, dataDir: text }, log))
}

/**
 * Opens the target: the configured database, which must have its tables.
 *
 * @throws {TransferError} {@link StartError} when a database cannot be used
 */
export const openTarget = async (config: Config, log: Log): Promise<End> => {
  const remedy = `Run ${commandLine('migrate')} first, with the same configuration.`
  if (config.database === undefined && !hasDatabase(config.dataDir))
    throw new TransferError(`There is no embedded database in ${config.dataDir} yet. ${remedy}`)
  const source = databaseSource(config, log)
  try {
    const isMigrated = await prepareDatabase(source, {
      schema: config.databaseSchema,
      migrateOnStart: false,
      log,
    })
    if (!isMigrated) throw new TransferError(`Nothing was done: the tables are not up to date. ${remedy}`)
  } catch (error) {
    await source.close()
    throw error
  }
  return open('target', source)
}

/**
 * Overrides settings of the server or the role that end long transactions. Without `row_security` rows could be hidden.
 * With this search path another role's functions and operators are not found: they would run with our privileges.
 */
const SETTINGS = {
  search_path: 'pg_catalog, pg_temp',
  TimeZone: 'UTC',
  DateStyle: 'ISO',
  statement_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '10min',
  row_security: 'off',
}

/** Applies the settings to the transaction, except those that this version of PostgreSQL does not have. */
export const prepareTransaction = async (sql: ClientSql): Promise<void> => {
  await sql`
    select set_config(name, wanted, true)
    from json_each_text(${JSON.stringify(SETTINGS)}::text::json) as setting (name, wanted)
    where exists (select from pg_settings where lower(pg_settings.name) = lower(setting.name))`
}

/**
 * Whether both connections lead to the same database: then one sees the advisory lock of the other. Works behind poolers,
 * because the lock is held in a transaction.
 */
export const areSameDatabase = async (source: ClientSql, target: ClientSql): Promise<boolean> => {
  const [first = 0, second = 0] = crypto.getRandomValues(new Int32Array(2))
  await target`begin`
  try {
    await target`select pg_advisory_xact_lock(${first}::int, ${second}::int)`
    const [seen] = await source`
      select from pg_locks
      where locktype = 'advisory' and granted and objsubid = 2
        and classid::bigint = ${first >>> 0}::bigint and objid::bigint = ${second >>> 0}::bigint
        and database = (select oid from pg_database where datname = current_database())`
    return seen !== undefined
  } finally {
    await target`rollback`
  }
}
