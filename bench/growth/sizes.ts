import { join } from 'node:path'
import { progress } from '../support/progress.ts'
import { writeRequests } from '../support/requests-file.ts'
import { head, row } from '../support/table.ts'
import { type Outcome, type TurnSettings, takeTurns } from '../support/turns.ts'
import { listShape, SHAPES, type Shape } from './pages.ts'
import type { ServedTable } from './table.ts'

/** The cost of one shape of request on a table of one size. */
export interface SizeResult extends Outcome {
  shape: Shape
  tasks: number
  tasksOfUser: number
}

export interface SizeSettings extends TurnSettings {
  directory: string
  secret: string
  seconds: number
  connections: number
}

/** Measures every shape of request on all tables, the tables in turns. */
export async function measureSizes(tables: ServedTable[], settings: SizeSettings): Promise<SizeResult[]> {
  const { directory, secret, seconds, connections } = settings
  const results: SizeResult[] = []
  for (const shape of SHAPES) {
    progress(`  ${shape}`)
    const contestants = []
    for (const table of tables) {
      const path = join(directory, `${shape}-${table.dataSet.tasks}.tsv`)
      const requestsFile = await writeRequests(path, await listShape(shape, table, secret))
      contestants.push({
        prepare: async () => table.server,
        load: { connections, seconds, requestsFile, expectedStatus: 200 },
      })
    }
    const outcomes = await takeTurns(contestants, settings)
    for (const [index, { dataSet }] of tables.entries()) {
      const outcome = outcomes[index] as Outcome
      results.push({ shape, tasks: dataSet.tasks, tasksOfUser: dataSet.heavyTasks, ...outcome })
    }
  }
  return results
}

/** A Markdown table: each size beside the smallest, and page 100 beside page 1. */
export function renderSizes(results: SizeResult[]): string {
  const find = (shape: Shape, tasks: number) =>
    results.find((result) => result.shape === shape && result.tasks === tasks)
  const smallest = Math.min(...results.map(({ tasks }) => tasks))
  const titles = ['request', 'tasks', 'of the user', 'CPU µs', '× smallest', '× page 1']
  const lines = results.map(({ shape, tasks, tasksOfUser, median }) => {
    const beside = (other: SizeResult | undefined) =>
      other ? `${(median.cpuUs / other.median.cpuUs).toFixed(2)} ×` : '–'
    return row([
      shape,
      tasks.toLocaleString('en'),
      tasksOfUser.toLocaleString('en'),
      median.cpuUs.toFixed(1),
      beside(find(shape, smallest)),
      shape === 'page 100' ? beside(find('page 1', tasks)) : '',
      median.databaseCpuUs.toFixed(1),
      median.p50Ms.toFixed(2),
      median.p99Ms.toFixed(2),
    ])
  })
  return [...head([...titles, 'database CPU µs', 'p50 ms', 'p99 ms'], 1), ...lines].join('\n')
}
