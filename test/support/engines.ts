import { loadConfig } from '../../src/config.ts'
import type { Database } from '../../src/db/database.ts'
import { createDatabase } from '../../src/db/database.ts'
import { databaseSource, prepareDatabase } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { temporaryDirectory } from './cleanup.ts'
import { findPostgres, startPostgres } from './postgres.ts'

/** A database with the service's tables, which all test files share: tests use users of their own. */
export interface Engine {
  name: string
  /** True for a PostgreSQL server, false for the embedded engine. */
  isServer: boolean
  /** The environment of a process of its own on the same database; the embedded one takes no second process. */
  env: Record<string, string>
  database: Database
  close(): Promise<void>
}

const silent = createLog({ level: 'silent', format: 'json' })

const open = async (name: string, env: Record<string, string>, cleanUp: () => unknown): Promise<Engine> => {
  const config = loadConfig({ ENVIRONMENT: 'test', ...env })
  const source = databaseSource(config, silent)
  await prepareDatabase(source, { migrateOnStart: true, log: silent })
  const database = createDatabase({
    connect: source.connect,
    max: source.maxConnections,
    timeoutMs: 30_000,
    maxPending: 2000,
    log: silent,
  })
  database.open()
  return {
    name,
    isServer: config.database !== undefined,
    env: config.database === undefined ? {} : env,
    database,
    async close() {
      await database.close()
      await source.close()
      await cleanUp()
    },
  }
}

const openEmbedded = (): Promise<Engine> => {
  const directory = temporaryDirectory('todo-backend')
  return open('embedded PostgreSQL', { DATA_DIR: directory.path }, directory.remove)
}

const openServer = async (): Promise<Engine | undefined> => {
  const given = process.env.TEST_DATABASE_URL
  if (given) return open('the PostgreSQL server of TEST_DATABASE_URL', { DATABASE_URL: given }, () => {})
  if (!findPostgres()) return undefined
  const server = await startPostgres()
  return open('a PostgreSQL server', { DATABASE_URL: await server.createDatabase() }, () => server.remove())
}

// Kept on the global object: test files do not share their modules with the preloaded one.
const kept = globalThis as typeof globalThis & { engines?: Engine[] }

/** Starts the embedded engine and, when one is installed or named, a PostgreSQL server. */
export const startEngines = async (): Promise<Engine[]> => {
  kept.engines = [await openEmbedded(), await openServer()].filter((engine) => engine !== undefined)
  return kept.engines
}

/** The databases that were started for this run. */
export const engines = (): Engine[] => kept.engines ?? []

/** The environment of a process that needs some database: the server where there is one, which starts sooner. */
export const someDatabase = (): Record<string, string> =>
  engines().find(({ isServer }) => isServer)?.env ?? {}
