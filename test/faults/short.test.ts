import { describe, expect, test } from 'bun:test'
import { findPostgres } from '../support/postgres.ts'
import { faults } from './catalogue.ts'
import { remarks } from './table.ts'

const musts = { other: 0, wrong: 0, failures: [] as string[] }

/** Each needs a PostgreSQL server of its own. */
const quick = faults.filter(({ isQuick }) => isQuick && findPostgres())

describe('no write is lost and every answer is a success or a 503, through', () => {
  for (const { name, run } of quick) {
    test(name, async () => {
      const row = await run()
      console.log(remarks(row))
      expect(row).toMatchObject(musts)
    }, 120_000)
  }
})
