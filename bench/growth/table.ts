import postgres, { type Sql } from 'postgres'
import { type DataSet, seedTasks, seedUsers } from '../support/data-set.ts'
import type { ThrowawayPostgres } from '../support/postgres.ts'
import { type RunningServer, type ServerSettings, startServer } from '../support/servers.ts'

/** A database of its own, filled with a data set, and a service that serves it. */
export interface ServedTable extends AsyncDisposable {
  dataSet: DataSet
  /** How to start another service on the same database. */
  settings: ServerSettings
  server: RunningServer
}

/** Creates a database, lets a service migrate it and fills it. Disposing of it stops the service. */
export async function serveTable(
  cluster: ThrowawayPostgres,
  secret: string,
  dataSet: DataSet,
  name: string,
): Promise<ServedTable> {
  await withClient(cluster.url, (sql) => sql`create database ${sql(name)}`)
  const databaseUrl = cluster.url.replace(/\/[^/]*$/, `/${name}`)
  const settings = { databaseUrl, secret }
  const server = await startServer('service', settings)
  await withClient(databaseUrl, async (sql) => {
    await seedUsers(sql, dataSet)
    await seedTasks(sql, dataSet)
    // What has just been written goes to disk now, and not during the measurements.
    await sql`checkpoint`
  })
  return { dataSet, settings, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

async function withClient(url: string, work: (sql: Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    await work(sql)
  } finally {
    await sql.end()
  }
}
