import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { migrations } from '../../src/db/migration-files.ts'

test('every migration in the directory is one that the service has in it', () => {
  const migrationsFolder = join(import.meta.dir, '..', '..', 'src', 'db', 'migrations')
  expect(migrations).toEqual(readMigrationFiles({ migrationsFolder }))
})
