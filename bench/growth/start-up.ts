import { startServer } from '../support/servers.ts'
import { median } from '../support/statistics.ts'
import { head, row } from '../support/table.ts'
import type { ServedTable } from './table.ts'

/** How long a service takes from its process to its first ready answer, ms. */
export interface StartUpResult {
  tasks: number
  /** On an empty database: with all migrations. */
  firstMs: number
  /** On the filled one: the median of several. */
  laterMs: number
}

/** Starts a further service on each table a few times. */
export async function measureStartUp(tables: ServedTable[], times: number): Promise<StartUpResult[]> {
  const results: StartUpResult[] = []
  for (const { dataSet, server, settings } of tables) {
    const later: number[] = []
    for (let time = 0; time < times; time++) {
      await using again = await startServer('service', settings)
      later.push(again.startMs)
    }
    results.push({ tasks: dataSet.tasks, firstMs: server.startMs, laterMs: median(later) })
  }
  return results
}

/** A Markdown table of start-up times. */
export function renderStartUp(results: StartUpResult[]): string {
  const lines = results.map(({ tasks, firstMs, laterMs }) =>
    row([tasks.toLocaleString('en'), Math.round(laterMs), Math.round(firstMs)]),
  )
  return [...head(['tasks', 'ready after, ms', 'on the empty database, ms'], 0), ...lines].join('\n')
}
