import { FIGURES, type Figures, type Load, type MeasuredDatabase, measure, warmUp } from './measure.ts'
import type { RunningServer } from './servers.ts'
import { medianOfEach } from './statistics.ts'

/** One of the things that are compared with one another: a server and the load it gets. */
export interface Contestant {
  /** Called before each turn; gives the server that is measured in it. */
  prepare: () => Promise<RunningServer>
  load: Load
}

export interface TurnSettings {
  rounds: number
  warmUpSeconds: number
  database: MeasuredDatabase
  onTurn: (server: RunningServer, round: number, figures: Figures) => void
}

/** What a contestant's turns gave. */
export interface Outcome {
  rounds: Figures[]
  median: Figures
}

/**
 * Measures every contestant once a round, round after round, so that a slow minute of the machine meets them
 * all. The outcomes are in the contestants' order.
 */
export async function takeTurns(contestants: Contestant[], settings: TurnSettings): Promise<Outcome[]> {
  const { rounds, warmUpSeconds, database, onTurn } = settings
  const all = contestants.map(() => [] as Figures[])
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { load, prepare }] of contestants.entries()) {
      const server = await prepare()
      await warmUp(server, load, warmUpSeconds)
      const figures = await measure(server, load, database)
      all[index]?.push(figures)
      onTurn(server, round, figures)
    }
  }
  return all.map((figures) => ({ rounds: figures, median: medianOfEach(figures, FIGURES) }))
}
