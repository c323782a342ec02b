import { faults } from './catalogue.ts'
import { isGood, type Row } from './row.ts'
import { remarks, table } from './table.ts'

/**
 * `bun run test:faults [words…]`: every fault, or those whose name contains one of the words, one after the
 * other, each with a server and a service of its own. Exits with 1 when anything happened that must not.
 */
const words = process.argv.slice(2)
const chosen = faults.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
if (chosen.length === 0) throw new Error(`No fault is called ${words.join(' or ')}`)

/** Whatever hangs: a suite that does not end tells nobody anything. */
const limitMinutes = 30
const timer = setTimeout(() => {
  console.error(`Not done within ${limitMinutes} minutes`)
  process.exit(1)
}, limitMinutes * 60_000)

const rows: Row[] = []
for (const fault of chosen) {
  const startedAt = performance.now()
  const row = await fault.run()
  rows.push(row)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  console.log(`${isGood(row) ? 'ok    ' : 'FAILED'} ${fault.name} (${seconds} s)`)
  console.log(remarks(row))
}
clearTimeout(timer)
console.log(table(rows))
process.exitCode = rows.every(isGood) ? 0 : 1
