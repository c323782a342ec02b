import { isGood, type Row } from './row.ts'

const columns: [title: string, value: (row: Row) => string][] = [
  ['fault', (row) => row.fault],
  ['requests', (row) => String(row.requests)],
  ['2xx', (row) => String(row.ok)],
  ['503', (row) => String(row.unavailable)],
  ['other', (row) => String(row.other)],
  ['cut', (row) => String(row.cut)],
  ['wrong', (row) => String(row.wrong)],
  ['worst ms', (row) => row.worstMs.toFixed(0)],
  ['back s', (row) => seconds(row.recoverySeconds)],
  ['quiet s', (row) => seconds(row.settledSeconds)],
  ['RSS MB', (row) => row.peakRssMb.toFixed(0)],
  ['', (row) => (isGood(row) ? 'ok' : 'FAILED')],
]

const legend = `other: neither a success nor a 503 with Retry-After (must be 0)
cut:   connections that the fault itself ended; 0 where it ends none
wrong: acknowledged writes that were then missing or different (must be 0)
back:  from the moment the database accepts connections again to the first success (must be at most 1)
quiet: from that moment to the last request that was no success
2xx:   includes the 404 that tells a client that its DELETE without an answer was stored`

/** The rows as a table in plain text, with what went wrong below it. */
export function table(rows: Row[]): string {
  const cells = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, value]) => value(row))),
  ]
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)))
  const lines = cells.map((line) =>
    line.map((cell, index) => pad(cell, widths[index] ?? 0, index)).join('  '),
  )
  return `${lines.join('\n')}\n\n${legend}\n`
}

/** What a row has to say beyond its numbers. */
export function remarks({ fault, notes, failures, delays }: Row): string {
  const lines = [
    ...[...failures, ...delays].map((text) => `  FAILED ${text}`),
    ...notes.map((text) => `  note   ${text}`),
  ]
  return lines.length > 0 ? `${fault}\n${lines.join('\n')}\n` : ''
}

function pad(cell: string, width: number, index: number): string {
  return index === 0 ? cell.padEnd(width) : cell.padStart(width)
}

function seconds(value: number | null): string {
  return value === null ? '–' : value.toFixed(2)
}
