import { ConfigError, loadConfig } from './config.ts'
import { EmbeddedDatabaseError } from './db/embedded.ts'
import { DatabaseStartError, databaseSource, prepareDatabase } from './db/source.ts'
import { createLog } from './log.ts'

/** `bun run db:migrate`: brings the tables up to date, for deployments with `MIGRATE_ON_START=false`. */

const log = createLog({ level: 'info', format: 'text' })
try {
  const source = databaseSource(loadConfig(), log)
  await prepareDatabase(source, { migrateOnStart: true, log })
  await source.close()
  log.info('the tables are up to date')
} catch (error) {
  const isExpected =
    error instanceof ConfigError ||
    error instanceof EmbeddedDatabaseError ||
    error instanceof DatabaseStartError
  log.error(isExpected ? error.message : String(error))
  process.exitCode = 1
}
log.flush()
