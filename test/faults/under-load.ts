import type { ServiceOptions } from '../support/process.ts'
import { Load, type LoadOptions } from './load.ts'
import type { Measurements, Outcome } from './measurements.ts'
import { Recoveries } from './recoveries.ts'
import type { Row } from './row.ts'
import { databaseTimeoutMs, type Route, Stage } from './stage.ts'

export interface Fault {
  name: string
  /** Part of the short form, which runs with the normal tests. */
  isQuick?: boolean
  run(): Promise<Row>
}

/** What a fault plays on. */
export interface Scene {
  stage: Stage
  load: Load
  measurements: Measurements
  recoveries: Recoveries
}

export interface UnderLoadOptions extends Omit<LoadOptions, 'urls'> {
  name: string
  isQuick?: boolean
  route: Route
  env?: Record<string, string>
  service?: ServiceOptions
  /** What at least one request must run into: a fault that nobody feels has tested nothing. */
  feltAs?: Outcome
  /** What the fault itself does to clients: counted apart, and no failure. */
  excuses?: ('refused' | 'cut')[]
  /** The promise is 1 s after the database. */
  recoveryLimitSeconds?: number
  /** Starts the services and says where clients send to; without it, one service. */
  start?(stage: Stage): Promise<string[]>
  /** Does it, while the load goes on; resolves when the service has recovered. */
  inject(scene: Scene): Promise<void>
}

/** On top of the deadline, for a busy machine: an answer that took longer is late. */
const toleranceMs = 1000

/** How long the load runs before the fault and after it. */
const quietMs = 1000

/** A fault that is injected into a service under a steady load. */
export function underLoad(options: UnderLoadOptions): Fault {
  return {
    name: options.name,
    isQuick: options.isQuick ?? false,
    async run() {
      const stage = await Stage.open(options.route)
      try {
        return await play(stage, options)
      } catch (error) {
        return unfinished(options.name, error)
      } finally {
        await stage.close()
      }
    },
  }
}

async function play(stage: Stage, options: UnderLoadOptions): Promise<Row> {
  const start = options.start ?? startOne(options)
  const load = new Load({ ...options, urls: await start(stage) })
  const { measurements } = load
  const recoveries = new Recoveries(measurements)
  load.start()
  await Bun.sleep(quietMs)
  const before = measurements.all.length - measurements.count('ok')
  if (before > 0) stage.failures.push(`${before} requests failed before the fault`)
  await options.inject({ stage, load, measurements, recoveries })
  await Bun.sleep(quietMs)
  await load.stop()
  return await judge(stage, options, load, recoveries)
}

/** The suite itself stumbled: one line of the table, and on with the next fault. */
function unfinished(fault: string, error: unknown): Row {
  const none = { requests: 0, ok: 0, unavailable: 0, other: 0, cut: 0, wrong: 0, worstMs: 0, peakRssMb: 0 }
  const failures = [error instanceof Error ? (error.stack ?? error.message) : String(error)]
  return { fault, ...none, recoverySeconds: null, settledSeconds: null, notes: [], failures, delays: [] }
}

function startOne({ env, service }: UnderLoadOptions): (stage: Stage) => Promise<string[]> {
  return async (stage) => [(await stage.startService(env, service)).url]
}

/** Holds everything that is stored against the ledgers, and says what must not be. */
async function judge(
  stage: Stage,
  options: UnderLoadOptions,
  load: Load,
  recoveries: Recoveries,
): Promise<Row> {
  const { measurements } = load
  // Counted before the ledgers are settled: what that takes is no part of the load.
  const excused = sum(measurements, options.excuses ?? [])
  const counts = {
    requests: measurements.all.length,
    ok: measurements.count('ok'),
    unavailable: measurements.count('unavailable'),
    other: sum(measurements, ['other', 'refused', 'cut']) - excused,
    cut: excused,
    worstMs: measurements.worstMs,
    recoverySeconds: recoveries.worstSeconds,
    settledSeconds: recoveries.worstSettledSeconds,
  }
  const { wrong, late, unsettled } = await load.settle()
  const { failures, delays, notes } = stage
  if (late > 0) notes.push(`${late} writes without an answer were stored late`)
  if (unsettled > 0) failures.push(`${unsettled} clients could not settle what was open`)
  if (counts.other > 0) failures.push(...measurements.mostFrequentSurprises(8))
  if (options.feltAs && measurements.count(options.feltAs) === 0) failures.push('nobody felt the fault')
  if ((counts.recoverySeconds ?? 0) > (options.recoveryLimitSeconds ?? 1))
    failures.push('the recovery took too long')
  if (counts.worstMs > databaseTimeoutMs + toleranceMs) delays.push('an answer came long after the deadline')
  failures.push(...wrong.slice(0, 8))
  return {
    fault: options.name,
    ...counts,
    wrong: wrong.length,
    peakRssMb: stage.memory.bytes / 2 ** 20,
    notes,
    failures,
    delays,
  }
}

function sum(measurements: Measurements, outcomes: Outcome[]): number {
  return outcomes.reduce((total, outcome) => total + measurements.count(outcome), 0)
}
