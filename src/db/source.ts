import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { type ClientSql, connectToEmbedded, connectToServer } from './client.ts'
import { openEmbedded } from './embedded.ts'
import { migrate } from './migrate.ts'
import { describeRefusal, isTransient } from './sqlstate.ts'

/** Where the data are: a PostgreSQL server, or the embedded engine. */
export interface DatabaseSource {
  /** For the first lines of the log; no credentials. */
  description: string
  /** Makes a client; it connects when it is first used. */
  connect(poolMax: number): ClientSql
  /** How many connections a pool may have. */
  poolMax: number
  /** False where the source cannot be reached anew by another connection, being part of this process. */
  close(): Promise<void>
}

type SourceConfig = Pick<
  Config,
  'database' | 'dataDir' | 'databasePoolMax' | 'databaseTimeoutMs' | 'databasePrepare'
>

/**
 * The database that the configuration names. The embedded one is locked and begins to start.
 *
 * @throws {EmbeddedDatabaseError} when another process has it open
 */
export const databaseSource = (config: SourceConfig, log: Log): DatabaseSource => {
  const settings = { timeoutMs: config.databaseTimeoutMs, prepare: config.databasePrepare, log }
  const { database: address } = config
  if (address)
    return {
      description: `PostgreSQL at ${address.host}:${address.port}, database ${address.database}, sslmode ${address.sslMode}`,
      connect: (poolMax) => connectToServer(address, { ...settings, poolMax }),
      poolMax: config.databasePoolMax,
      async close() {},
    }
  const embedded = openEmbedded(config.dataDir, log)
  return {
    description: `embedded PostgreSQL in ${config.dataDir}`,
    connect: () => connectToEmbedded(embedded.socket, settings),
    poolMax: 1,
    close: embedded.close,
  }
}

/** The database cannot be used; the message is for whoever started the service. */
export class DatabaseStartError extends Error {}

const GIVE_UP_AFTER_MS = 30_000
const TRY_AGAIN_AFTER_MS = 250

const attempt = async (source: DatabaseSource, migrateOnStart: boolean): Promise<void> => {
  const client = source.connect(1)
  try {
    if (migrateOnStart) await migrate(client)
    else await client`select 1`
  } finally {
    await client.end({ timeout: 1 }).catch(() => {})
  }
}

/**
 * Waits until the database can be used, and brings its tables up to date.
 *
 * A database that cannot be reached is tried for 30 s; one that refuses is not tried again.
 *
 * @throws {DatabaseStartError}
 */
export const prepareDatabase = async (
  source: DatabaseSource,
  { migrateOnStart, log }: { migrateOnStart: boolean; log: Log },
): Promise<void> => {
  const giveUpAt = performance.now() + GIVE_UP_AFTER_MS
  const tooLate = Bun.sleep(GIVE_UP_AFTER_MS).then(() => {
    throw new DatabaseStartError('The database could not be reached within 30 s')
  })
  for (let told = false; ; told = true) {
    try {
      return await Promise.race([attempt(source, migrateOnStart), tooLate])
    } catch (error) {
      if (error instanceof DatabaseStartError) throw error
      const reason = describeRefusal(error)
      if (!isTransient(error))
        throw new DatabaseStartError(`The database cannot be used: ${reason}`, { cause: error })
      if (performance.now() > giveUpAt) throw await tooLate
      if (!told) log.warn('the database cannot be reached yet, trying for 30 s', { reason })
      await Bun.sleep(TRY_AGAIN_AFTER_MS)
    }
  }
}
