import { join } from 'node:path'
import { interruption } from './interruption.ts'

/** What wrk counted in one run. */
export interface WrkCounts {
  requests: number
  durationUs: number
  p50Us: number
  p99Us: number
  brokenConnections: number
  timeouts: number
  /** Answers with a status from 400 up. */
  failureStatuses: number
  /** Answers with another status than the expected one; counted only when one was given. */
  wrongAnswers: number
  wrongStatus: number
  /** CPU time of wrk itself, µs. */
  cpuUs: number
}

export interface WrkRun {
  url: string
  connections: number
  seconds: number
  /** File with a request a line, see `wrk.lua`. */
  requestsFile: string
  /** Checks each answer's status, at a cost to the load: for warm-ups. */
  checkStatus?: number
}

const SCRIPT = join(import.meta.dir, 'wrk.lua')

/** One thread is enough: it sends twice what any of the servers can answer on one core. */
const THREADS = '-t1'

/** Runs wrk once. Throws when it fails or the benchmark is interrupted; errors of the server are counted. */
export async function runWrk({
  url,
  connections,
  seconds,
  requestsFile,
  checkStatus,
}: WrkRun): Promise<WrkCounts> {
  const load = [
    THREADS,
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    '10s',
    '--latency',
    '-s',
    SCRIPT,
    url,
  ]
  const scriptArguments = ['--', requestsFile, ...(checkStatus === undefined ? [] : [String(checkStatus)])]
  const child = Bun.spawn(['wrk', ...load, ...scriptArguments], {
    stdout: 'pipe',
    stderr: 'pipe',
    signal: interruption.signal,
  })
  const [output, complaint] = await Promise.all([child.stdout.text(), child.stderr.text()])
  await child.exited
  interruption.signal.throwIfAborted()
  const counts = output.split('\n').find((line) => line.startsWith('{'))
  if (child.exitCode !== 0 || counts === undefined) throw new Error(`wrk failed:\n${complaint}${output}`)
  return { ...JSON.parse(counts), cpuUs: Number(child.resourceUsage()?.cpuTime.total ?? 0) }
}
