import tables from './migrations/0000_tables.sql' with { type: 'text' }
import keysByUser from './migrations/0001_keys_by_user.sql' with { type: 'text' }

/** A migration. */
export interface Migration {
  /** The name of its file, without the extension. */
  name: string
  /** The digest of its text, which the journal stores. */
  hash: string
  statements: string[]
  /** The tables, sequences and indexes that it creates. */
  makes: string[]
}

/** Matches what a statement creates. A primary key creates an index named after its table. */
const MADE = [
  /CREATE TABLE "(\w+)"/g,
  /CREATE (?:UNIQUE )?INDEX "(\w+)"/g,
  /CONSTRAINT "(\w+)" PRIMARY KEY/g,
  /sequence name "(\w+)"/g,
]

const namesMadeBy = (text: string): string[] => {
  const names = MADE.flatMap((pattern) => [...text.matchAll(pattern)].map(([, name = '']) => name))
  const keys = [...text.matchAll(/CREATE TABLE "(\w+)" \((?:(?!CREATE)[^;])*?"\w+" \w+ PRIMARY KEY/g)]
  return [...new Set([...names, ...keys.map(([, table]) => `${table}_pkey`)])]
}

const migration = (name: string, text: string): Migration => ({
  name,
  hash: new Bun.CryptoHasher('sha256').update(text).digest('hex'),
  // drizzle qualifies referenced tables with a schema. Without it, they are in the schema of the new tables.
  statements: text.replaceAll('"public".', '').split('--> statement-breakpoint'),
  makes: namesMadeBy(text),
})

/** All migrations, in order. They are imported, so that the executable contains them. */
export const migrations: readonly Migration[] = [
  migration('0000_tables', tables),
  migration('0001_keys_by_user', keysByUser),
]
