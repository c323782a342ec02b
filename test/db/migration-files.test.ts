import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { migrations } from '../../src/db/migration-files.ts'
import { findPostgres, startPostgres } from '../support/postgres.ts'

const migrationsFolder = join(import.meta.dir, '..', '..', 'src', 'db', 'migrations')

test('every migration in the directory is one that the service has in it', () => {
  const inDirectory = readMigrationFiles({ migrationsFolder })
  expect(migrations.map(({ hash }) => hash)).toEqual(inDirectory.map(({ hash }) => hash))
})

test('the migration of version 1.0.0 is as it was: databases are known by its digest', () => {
  expect(migrations[0]?.hash).toBe('6fca533ac211a3caa0d9b80756e3cccb58d75d5eeb727b3a51a85104757dc89c')
})

describe.if(findPostgres() !== null)('the names that a migration is said to make', () => {
  test('are those that are there after it and were not before', async () => {
    await using server = await startPostgres()
    const relations = async () =>
      (await server.psql("select relname from pg_class where relnamespace = 'public'::regnamespace")).split(
        '\n',
      )
    let before: string[] = ['']
    for (const { name, statements, makes } of migrations) {
      await server.psql(statements.join(';'))
      const after = await relations()
      const made = after.filter((relation) => !before.includes(relation))
      expect({ name, made: made.filter((relation) => !makes.includes(relation)) }).toEqual({ name, made: [] })
      // A name that is only there for a moment must be free, too.
      for (const madeName of makes)
        if (!made.includes(madeName)) expect(statements.join()).toContain(`"${madeName}" RENAME TO`)
      before = after
    }
  }, 60_000)
})
