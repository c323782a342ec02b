import { describe, expect, test } from 'bun:test'
import { faults } from './catalogue.ts'
import { remarks } from './table.ts'

const musts = { other: 0, wrong: 0, failures: [] as string[] }

describe('no write is lost and every answer is a success or a 503, through', () => {
  for (const { name, run } of faults.filter(({ isQuick }) => isQuick)) {
    test(name, async () => {
      const row = await run()
      console.log(remarks(row))
      expect(row).toMatchObject(musts)
    }, 60_000)
  }
})
