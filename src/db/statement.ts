import type { PendingQuery, Row } from 'postgres'
import type { Owned } from '../fair-queue.ts'
import type { ClientSql } from './client.ts'

/** Makes a statement. The pool calls it with the connection that it has chosen. */
export type Statement<T extends readonly Row[] = readonly Row[]> = (sql: ClientSql) => PendingQuery<T>

/** Runs a statement and resolves to its rows. */
export type Run = <T extends readonly Row[]>(statement: Statement<T>) => Promise<T>

/** A statement in the pool, with the functions that take its result. */
export interface Job extends Owned {
  readonly statement: Statement
  /** How many ordinary statements it counts as. */
  readonly weight: number
  resolve(rows: readonly Row[]): void
  reject(error: unknown): void
}
