import tables from './migrations/0000_tables.sql' with { type: 'text' }
import keysByUser from './migrations/0001_keys_by_user.sql' with { type: 'text' }

/** A step from one form of the tables to the next. */
export interface Migration {
  /** The name of its file, without the ending. */
  name: string
  /** The digest of its text, by which the database knows it. */
  hash: string
  statements: string[]
  /** The tables, sequences and indexes that it makes. */
  makes: string[]
}

/** Where a statement makes something; a primary key inside a table is an index named after the table. */
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
  // drizzle writes the schema of referenced tables; here it is the one that the tables are made in.
  statements: text.replaceAll('"public".', '').split('--> statement-breakpoint'),
  makes: namesMadeBy(text),
})

/** All migrations, in their order; imported, so that they are in the executable, which has no files beside it. */
export const migrations: readonly Migration[] = [
  migration('0000_tables', tables),
  migration('0001_keys_by_user', keysByUser),
]
