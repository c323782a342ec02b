import type { Machine } from './machine.ts'
import type { Figures } from './measure.ts'
import type { ServerName } from './servers.ts'
import type { Outcome } from './turns.ts'

/** One server under one load. */
export interface Result extends Outcome {
  scenario: string
  connections: number
  server: ServerName
  label: string
}

/** A whole run, as it is written to `results.json` and read by the table and the chart. */
export interface Results {
  takenAt: string
  machine: Machine
  rounds: number
  seconds: number
  warmUpSeconds: number
  startMs: Partial<Record<ServerName, number>>
  results: Result[]
}

/** CPU per request of server and database together, µs. */
export const totalCpuUs = ({ cpuUs, databaseCpuUs }: Figures): number => cpuUs + databaseCpuUs

/** That of a result as a multiple of the floor's in the same scenario; null without a floor. */
export function ratioToFloor(result: Result, results: Result[]): number | null {
  const floor = results.find(({ scenario, server }) => scenario === result.scenario && server === 'floor')
  return floor ? totalCpuUs(result.median) / totalCpuUs(floor.median) : null
}
