import { afterAll } from 'bun:test'
import { findCaddy } from './support/caddy.ts'
import { startEngines } from './support/engines.ts'
import { findNginx } from './support/nginx.ts'
import { checkedAnswers } from './support/openapi.ts'
import { findPgBouncer } from './support/pgbouncer.ts'
import { findPostgres } from './support/postgres.ts'

/** Runs once, before all test files: starts the databases that the tests run on, and says which, and what is missing. */

const engines = await startEngines()
console.log(`databases: ${engines.map(({ name }) => name).join(', ')}`)
for (const [program, isInstalled] of [
  ['a PostgreSQL server', findPostgres() !== null],
  ['PgBouncer', findPgBouncer() !== null],
  ['nginx', findNginx() !== null],
  ['Caddy', findCaddy() !== null],
] as const)
  if (!isInstalled) console.log(`skipped: every test that needs ${program}, which is not installed`)

afterAll(async () => {
  const { answers, operations } = checkedAnswers()
  console.log(`answers checked against the OpenAPI document: ${answers}, of ${operations} operations`)
  for (const engine of engines) await engine.close()
}, 60_000)
