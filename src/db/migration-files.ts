import type { MigrationMeta } from 'drizzle-orm/migrator'
import tables from './migrations/0000_tables.sql' with { type: 'text' }
import journal from './migrations/meta/_journal.json' with { type: 'json' }

/** By the tag in the journal; imported, so that they are in the executable, which has no files beside it. */
const files: Record<string, string> = { '0000_tables': tables }

/** The migrations as drizzle's own `readMigrationFiles` gives them, in their order. */
export const migrations: MigrationMeta[] = journal.entries.map(({ tag, when, breakpoints }) => {
  const text = files[tag]
  if (text === undefined) throw new Error(`The migration ${tag} is not imported in migration-files.ts`)
  return {
    sql: text.split('--> statement-breakpoint'),
    bps: breakpoints,
    folderMillis: when,
    hash: new Bun.CryptoHasher('sha256').update(text).digest('hex'),
  }
})
