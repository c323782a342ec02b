import type { Config } from '../config.ts'
import { databaseSource, prepareDatabase } from '../db/source.ts'
import { createLog } from '../log.ts'

/**
 * `migrate`: creates or updates the tables, for deployments with `MIGRATE_ON_START=false`.
 *
 * @throws {EmbeddedDatabaseError} {@link DatabaseStartError}
 */
export const migrateTables = async (config: Config): Promise<void> => {
  const log = createLog({ level: 'info', format: 'text' })
  for (const warning of config.warnings) log.warn(warning)
  const source = databaseSource(config, log)
  try {
    await prepareDatabase(source, { schema: config.databaseSchema, migrateOnStart: true, log })
    log.info('the tables are up to date')
  } finally {
    await source.close()
    log.flush()
  }
}
