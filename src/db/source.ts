import type { Config } from '../config.ts'
import { commandLine } from '../invocation.ts'
import { type Log, printable } from '../log.ts'
import { StartError } from '../system-error.ts'
import { overlapAttempts } from './attempts.ts'
import { createAuthentication } from './authentication.ts'
import { type ClientSql, type Connection, connect, type Endpoint } from './client.ts'
import { openEmbedded } from './embedded.ts'
import { checkTables, MigrationError, migrate } from './migrate.ts'
import { describeNeighbour } from './neighbours.ts'
import { checkPrivileges, describeEncoding, explainRefusal, isRefusal } from './refusal.ts'
import { isServerKnown, serverSockets } from './socket.ts'
import { describeRefusal } from './sqlstate.ts'
import { type Tables, tablesIn } from './tables.ts'
import { Wire } from './wire.ts'

/** The database: a PostgreSQL server, or the embedded engine. */
export interface DatabaseSource {
  /** For the log; without credentials. */
  description: string
  /** The role. */
  user: string
  connect(): Promise<Connection>
  /** The most connections of this process. */
  maxConnections: number
  /** Resolves when the embedded engine has started. For a server, it resolves at once. */
  started(): Promise<unknown>
  close(): Promise<void>
}

type SourceConfig = Pick<
  Config,
  'database' | 'dataDir' | 'databasePoolMax' | 'databaseTimeoutMs' | 'databasePrepare'
>

/** The shortest timeout for connecting. */
const CONNECT_TIMEOUT_MS = 2000

/**
 * The configured database. If it is the embedded one, locks it and begins its start.
 *
 * @throws {StartError} when another process has it open, or the directory cannot be used
 */
export const databaseSource = (config: SourceConfig, log: Log): DatabaseSource => {
  const { database: address, databasePrepare: prepare } = config
  // Connecting may take longer than a statement: it serves many of them.
  const timeoutMs = Math.max(config.databaseTimeoutMs, CONNECT_TIMEOUT_MS)
  const connectTo = (endpoint: Endpoint) => () => connect(endpoint, { timeoutMs, prepare, log })
  if (address) {
    const { host, port, database, user, password, sslMode, options } = address
    const sockets = serverSockets(address)
    const credentials = { user, password, isServerKnown: isServerKnown(address) }
    return {
      description: `PostgreSQL at ${host}:${port}, database ${printable(database)}, sslmode ${sslMode}`,
      user,
      connect: overlapAttempts(
        connectTo({
          openSocket: async () => new Wire(await sockets.open(), createAuthentication(credentials)),
          cancel: sockets.cancel,
          host,
          port,
          database,
          user,
          parameters: { application_name: 'todo-backend', ...(options && { options }) },
        }),
      ),
      maxConnections: config.databasePoolMax,
      async started() {},
      async close() {},
    }
  }
  const embedded = openEmbedded(config.dataDir, log)
  return {
    description: `embedded PostgreSQL in ${config.dataDir}`,
    user: 'postgres',
    connect: connectTo({ openSocket: embedded.socket, database: 'postgres', user: 'postgres' }),
    // With more, PGlite returns wrong rows (pglite#1046).
    maxConnections: 1,
    started: embedded.started,
    close: embedded.close,
  }
}

/** The database cannot be used. The message is for the person who starts the service. */
export class DatabaseStartError extends StartError {}

const GIVE_UP_AFTER_MS = 30_000
const TRY_AGAIN_AFTER_MS = 250

/** Connects, and migrates or checks the tables. Resolves to whether they are up to date. */
const attempt = async (
  source: DatabaseSource,
  tables: Tables,
  { migrateOnStart, log }: PrepareOptions,
): Promise<boolean> => {
  const connection = await source.connect()
  try {
    const { sql } = connection
    const encoding = await describeEncoding(sql)
    if (encoding) throw new DatabaseStartError(`The database cannot be used: ${encoding}`)
    const isUpToDate = migrateOnStart
      ? await migrateAndTell(sql, tables, log)
      : (await checkTables(sql, tables)).pending.length === 0
    if (isUpToDate) await checkPrivileges(sql, tables.schema)
    await connection.end()
    return isUpToDate
  } catch (error) {
    connection.destroy()
    throw error
  }
}

const migrateAndTell = async (sql: ClientSql, tables: Tables, log: Log): Promise<true> => {
  const { made, unread } = await migrate(sql, tables)
  if (made.length > 0) log.info('migrated', { migrations: made.map(({ name }) => name).join(', ') })
  for (const table of unread)
    log.warn(
      `${describeNeighbour(table)} in schema ${printable(table.schema)} looks like the tasks of another backend and is not ` +
        `read; ${commandLine('import <source>')} copies them`,
    )
  return true
}

/** Options of {@link prepareDatabase}. */
export interface PrepareOptions {
  /** The schema of the tables; `public` by default. */
  schema?: string
  migrateOnStart: boolean
  log: Log
  /** How long to retry a database that cannot be reached; 30 s by default. */
  giveUpAfterMs?: number
}

/**
 * Waits until the database can be used, and migrates it if `migrateOnStart` is true. Resolves to whether the tables are
 * up to date.
 *
 * A database that cannot be reached is tried again for a while. One that refuses the connection is not. The start of the
 * embedded engine has no time limit.
 *
 * @throws {DatabaseStartError}
 * @throws {EmbeddedDatabaseError}
 */
export const prepareDatabase = async (source: DatabaseSource, options: PrepareOptions): Promise<boolean> => {
  const { schema = 'public', log, giveUpAfterMs = GIVE_UP_AFTER_MS } = options
  const tables = tablesIn(schema)
  await source.started()
  const seconds = giveUpAfterMs / 1000
  let reason = 'no answer'
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new DatabaseStartError(`The database could not be reached within ${seconds} s: ${reason}`)),
    giveUpAfterMs,
  )
  try {
    for (let told = false; ; told = true) {
      try {
        const isUpToDate = await Promise.race([attempt(source, tables, options), tooLate])
        if (!isUpToDate)
          log.warn(`the tables in schema ${schema} are missing or out of date: run ${commandLine('migrate')}`)
        return isUpToDate
      } catch (error) {
        if (error instanceof MigrationError) throw new DatabaseStartError(error.lines)
        if (error instanceof StartError) throw error
        reason = describeRefusal(error)
        if (isRefusal(error)) {
          const refused = { user: source.user, schema, migrateOnStart: options.migrateOnStart }
          const explained = explainRefusal(error, refused)
          throw new DatabaseStartError(`The database cannot be used: ${explained}`, { cause: error })
        }
        if (!told) log.warn(`the database cannot be reached yet, trying for ${seconds} s`, { reason })
        await Promise.race([Bun.sleep(TRY_AGAIN_AFTER_MS), tooLate])
      }
    }
  } finally {
    clearTimeout(timer)
  }
}
