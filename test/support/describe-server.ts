import { afterAll, beforeAll, describe } from 'bun:test'
import { temporaryDirectory } from './cleanup.ts'
import { findPostgres, type PostgresOptions, type PostgresServer, startPostgres } from './postgres.ts'

/** Describes what needs a PostgreSQL server; where none is installed, the run's first lines say that it is skipped. */
export const describeServer = (title: string, define: () => void): void => {
  if (findPostgres()) describe(title, define)
}

/**
 * Starts a server before the tests of the group at hand, and removes it after them.
 *
 * @param started takes the server
 * @returns a directory to run the program in, as long
 */
export const useServer = (started: (server: PostgresServer) => void, options?: PostgresOptions): string => {
  const directory = temporaryDirectory('todo-server')
  let server: PostgresServer | undefined
  beforeAll(async () => {
    server = await startPostgres(options)
    started(server)
  }, 120_000)
  afterAll(async () => {
    await server?.remove()
    await directory.remove()
  })
  return directory.path
}
