import { afterAll } from 'bun:test'
import { startEngines } from './support/engines.ts'
import { checkedAnswers } from './support/openapi.ts'

/** Runs once, before all test files: starts the databases that the tests run on, and says which. */

const engines = await startEngines()
console.log(`databases: ${engines.map(({ name }) => name).join(', ')}`)

afterAll(async () => {
  const { answers, operations } = checkedAnswers()
  console.log(`answers checked against the OpenAPI document: ${answers}, of ${operations} operations`)
  for (const engine of engines) await engine.close()
}, 60_000)
