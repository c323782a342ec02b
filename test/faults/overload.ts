import { join } from 'node:path'
import { HttpConnection } from '../support/http-connection.ts'
import { run } from '../support/run.ts'
import type { FloodReport } from './flood.ts'
import type { Stage } from './stage.ts'
import { databaseTimeoutMs } from './stage.ts'
import { type Fault, underLoad } from './under-load.ts'

const connections = 2500

/** The most memory that any overload may take. */
const rssLimitMb = 512

const overloaded = underLoad({
  name: `overload: ${connections} connections at once`,
  route: 'direct',
  clients: 16,
  requestsPerSecond: 30,
  async inject({ stage, recoveries }) {
    const { url } = stage.service
    const peak = await flood(url, 64, 4)
    const watch = watchHealth(url)
    const over = await flood(url, connections, 8)
    const health = await watch.stop()
    await recoveries.end()
    stage.notes.push(`64 connections: ${describe(peak)}`, `${connections} connections: ${describe(over)}`)
    stage.notes.push(
      `/health meanwhile: ${health.answers} answers, the slowest after ${health.worstMs.toFixed(0)} ms`,
    )
    judge(stage, peak, over)
    if (health.failures > 0) stage.failures.push(`/health failed ${health.failures} times`)
    if (health.worstMs > databaseTimeoutMs) stage.delays.push('/health was slow')
  },
})

function judge(stage: Stage, peak: FloodReport, over: FloodReport): void {
  const strange = Object.keys(over.outcomes).filter((status) => !['200', '201', '503'].includes(status))
  if (strange.length > 0) stage.failures.push(`the flood was answered ${strange.join(', ')}`)
  if (over.successesPerSecond < peak.successesPerSecond / 2)
    stage.delays.push('throughput fell to less than half')
  if (over.worstMs > databaseTimeoutMs + 1000)
    stage.delays.push('an answer to the flood came long after the deadline')
  if (stage.memory.bytes > rssLimitMb * 2 ** 20) stage.failures.push(`more than ${rssLimitMb} MB of memory`)
}

async function flood(url: string, count: number, seconds: number): Promise<FloodReport> {
  const program = join(import.meta.dir, 'flood.ts')
  return JSON.parse(await run([process.execPath, program, url, String(count), String(seconds)]))
}

function describe({ successesPerSecond, outcomes, medianMs, worstMs }: FloodReport): string {
  return `${successesPerSecond} 2xx/s, ${JSON.stringify(outcomes)}, median ${medianMs} ms, worst ${worstMs} ms`
}

/** Asks `/health` ten times a second. */
function watchHealth(url: string): {
  stop(): Promise<{ answers: number; failures: number; worstMs: number }>
} {
  const connection = new HttpConnection(url)
  const seen = { answers: 0, failures: 0, worstMs: 0 }
  let isStopping = false
  const watching = (async () => {
    while (!isStopping) {
      const sentAt = performance.now()
      const status = await connection.send({ method: 'GET', path: '/health' }, 10_000).then(
        (answer) => answer.status,
        () => 0,
      )
      if (status === 200) seen.answers += 1
      else seen.failures += 1
      seen.worstMs = Math.max(seen.worstMs, performance.now() - sentAt)
      await Bun.sleep(100)
    }
    connection.close()
  })()
  return {
    async stop() {
      isStopping = true
      await watching
      return seen
    },
  }
}

/** More than the service can do. */
export const overloadFaults: Fault[] = [overloaded]
