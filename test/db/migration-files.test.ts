import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import { loadConfig } from '../../src/config.ts'
import { migrations } from '../../src/db/migration-files.ts'
import { databaseSource, prepareDatabase } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { findPostgres, startPostgres } from '../support/postgres.ts'

const migrationsFolder = join(import.meta.dir, '..', '..', 'src', 'db', 'migrations')
const log = createLog({ level: 'silent', format: 'json' })

test('every migration in the directory is one that the service has in it', () => {
  expect(migrations).toEqual(readMigrationFiles({ migrationsFolder }))
})

describe.if(findPostgres() !== null)('the record of migrations', () => {
  const migrateByService = async (url: string) => {
    const source = databaseSource(loadConfig({ DATABASE_URL: url }), log)
    await prepareDatabase(source, { migrateOnStart: true, log })
  }
  const migrateByDrizzle = async (url: string) => {
    const client = postgres(url, { max: 1, onnotice: () => {} })
    await migrate(drizzle(client), { migrationsFolder })
    await client.end()
  }

  test('is the same as drizzle’s own, and each finds nothing to do after the other', async () => {
    await using server = await startPostgres()
    const records = new Set<string>()
    for (const [first, second] of [
      [migrateByService, migrateByDrizzle],
      [migrateByDrizzle, migrateByService],
    ] as const) {
      const url = await server.createDatabase()
      await first(url)
      await second(url)
      const name = new URL(url).pathname.slice(1)
      records.add(await server.psql('select * from drizzle.__drizzle_migrations order by id', name))
      records.add(
        await server.psql(
          `select column_name, data_type, is_nullable, column_default from information_schema.columns
           where table_schema = 'drizzle' order by ordinal_position`,
          name,
        ),
      )
    }
    expect(records.size).toBe(2)
    expect([...records][0]).toBe(
      migrations.map(({ hash, folderMillis }, index) => `${index + 1}|${hash}|${folderMillis}`).join('\n'),
    )
  }, 60_000)
})
