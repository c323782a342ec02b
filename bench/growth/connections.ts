import type { RunningServer } from '../support/servers.ts'
import { head, row } from '../support/table.ts'
import { type Outcome, type TurnSettings, takeTurns } from '../support/turns.ts'

/** What one server does with a number of connections. */
export interface ConnectionsResult extends Outcome {
  connections: number
}

export interface ConnectionsSettings extends TurnSettings {
  seconds: number
  requestsFile: string
}

/** Measures one server with each number of connections, the numbers in turns. */
export async function measureConnections(
  server: RunningServer,
  numbers: number[],
  settings: ConnectionsSettings,
): Promise<ConnectionsResult[]> {
  const { seconds, requestsFile } = settings
  const outcomes = await takeTurns(
    numbers.map((connections) => ({
      prepare: async () => server,
      load: { connections, seconds, requestsFile, expectedStatus: 200 },
    })),
    settings,
  )
  return outcomes.map((outcome, index) => ({ connections: numbers[index] as number, ...outcome }))
}

/** A Markdown table of connections. */
export function renderConnections(results: ConnectionsResult[]): string {
  const lines = results.map(({ connections, median }) =>
    row([
      connections,
      median.cpuUs.toFixed(1),
      Math.round(median.requestsPerSecond),
      median.p50Ms.toFixed(2),
      median.p99Ms.toFixed(2),
      Math.round(median.rssMb),
    ]),
  )
  return [...head(['connections', 'CPU µs', 'requests/s', 'p50 ms', 'p99 ms', 'RSS MB'], 0), ...lines].join(
    '\n',
  )
}
