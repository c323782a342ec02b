import { type Load, type MeasuredDatabase, measure } from '../support/measure.ts'
import { readRss } from '../support/processes.ts'
import type { RunningServer } from '../support/servers.ts'
import { head, row } from '../support/table.ts'

/** Resident memory of a server after so many requests. */
export interface MemorySample {
  requests: number
  rssMb: number
}

/** The stretch at either end whose means are compared. */
const STRETCH = 100_000

/** Puts a load on a server, slice by slice, until it has answered `total` requests. */
export async function watchMemory(
  server: RunningServer,
  load: Load,
  database: MeasuredDatabase,
  total: number,
): Promise<MemorySample[]> {
  const samples: MemorySample[] = [{ requests: 0, rssMb: await readRss(server.pid) }]
  for (let answered = 0; answered < total; ) {
    const { requests, rssMb } = await measure(server, load, database)
    answered += requests
    samples.push({ requests: answered, rssMb })
  }
  return samples
}

/** A Markdown table: the memory at the start, along the way and at the end, and both ends beside another. */
export function renderMemory(samples: MemorySample[]): string {
  const total = samples.at(-1)?.requests ?? 0
  const mean = (from: number, to: number) => {
    const chosen = samples.filter(({ requests }) => requests > from && requests <= to)
    return chosen.reduce((sum, { rssMb }) => sum + rssMb, 0) / chosen.length
  }
  const tenths = Array.from({ length: 11 }, (_, tenth) => (total * tenth) / 10)
  const shown = new Set(tenths.map((wanted) => samples.find(({ requests }) => requests >= wanted)))
  const lines = samples
    .filter((sample) => shown.has(sample))
    .map(({ requests, rssMb }) => row([requests.toLocaleString('en'), rssMb.toFixed(1)]))
  return [
    ...head(['requests', 'RSS MB'], 0),
    ...lines,
    '',
    `Most: ${Math.max(...samples.map(({ rssMb }) => rssMb)).toFixed(1)} MB. Mean of the first ` +
      `${STRETCH.toLocaleString('en')}: ${mean(0, STRETCH).toFixed(1)} MB, of the last: ` +
      `${mean(total - STRETCH, total).toFixed(1)} MB.`,
  ].join('\n')
}
