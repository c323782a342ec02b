import { assertListeners } from './ports.ts'
import { readCpu, readFamilyCpu, readMachineCpu, readRss } from './processes.ts'
import type { RunningServer } from './servers.ts'
import { runWrk, type WrkRun } from './wrk.ts'

/** What is read in every turn. */
export const FIGURES = [
  'cpuUs',
  'databaseCpuUs',
  'walBytes',
  'requestsPerSecond',
  'p50Ms',
  'p99Ms',
  'rssMb',
  'otherCores',
] as const

/** The figures of one turn, or their medians. */
export interface Figures extends Record<(typeof FIGURES)[number], number> {
  /** CPU time of the server's process per request, user and system, µs. */
  cpuUs: number
  /** The same of all of PostgreSQL: what a server saves by leaving work to the database shows here. */
  databaseCpuUs: number
  /** What PostgreSQL has written to its log per request, bytes. */
  walBytes: number
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  /** Resident memory of the server after the turn, MB. */
  rssMb: number
  /** Cores that were busy with anything but server, database and load: the noise of the turn. */
  otherCores: number
}

/** The database that the servers use. */
export interface MeasuredDatabase {
  /** Process id of the postmaster. */
  pid: number
  /** How much of its log it has written, ever. */
  readWalBytes(): Promise<number>
}

export interface Load extends Omit<WrkRun, 'url' | 'checkStatus'> {
  expectedStatus: number
}

/** Puts a short load on a server that looks at the status of every answer. Throws when one is another. */
export async function warmUp(server: RunningServer, load: Load, seconds: number): Promise<void> {
  const { expectedStatus, ...run } = load
  const counts = await runWrk({ ...run, seconds, url: server.url, checkStatus: expectedStatus })
  if (counts.wrongAnswers > 0 || counts.requests === 0) {
    throw new Error(
      `${server.label} gave ${counts.wrongAnswers} of ${counts.requests} answers another status ` +
        `(${counts.wrongStatus}) than ${expectedStatus}`,
    )
  }
}

/** Puts a load on a server and reads what it cost. Throws when any answer failed. */
export async function measure(
  server: RunningServer,
  load: Load,
  database: MeasuredDatabase,
): Promise<Figures & { requests: number }> {
  await assertListeners(server.port, 1)
  const { expectedStatus, ...run } = load
  const readAll = () =>
    Promise.all([readCpu(server.pid), readFamilyCpu(database.pid), readMachineCpu(), database.readWalBytes()])

  const before = await readAll()
  const counts = await runWrk({ ...run, url: server.url })
  const after = await readAll()
  const [cpuUs, databaseCpuUs, machineCpuUs, walBytes] = after.map(
    (value, index) => value - (before[index] ?? 0),
  ) as [number, number, number, number]

  const { requests, durationUs } = counts
  const expectedFailures = expectedStatus >= 400 ? requests : 0
  if (counts.failureStatuses !== expectedFailures || counts.brokenConnections > 0 || counts.timeouts > 0) {
    throw new Error(`${server.label} failed under load: ${JSON.stringify(counts)}`)
  }
  return {
    requests,
    cpuUs: cpuUs / requests,
    databaseCpuUs: databaseCpuUs / requests,
    walBytes: walBytes / requests,
    requestsPerSecond: requests / (durationUs / 1e6),
    p50Ms: counts.p50Us / 1000,
    p99Ms: counts.p99Us / 1000,
    rssMb: await readRss(server.pid),
    otherCores: Math.max(0, machineCpuUs - cpuUs - databaseCpuUs - counts.cpuUs) / durationUs,
  }
}
