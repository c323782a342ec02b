import { join } from 'node:path'
import { HttpConnection } from '../support/http-connection.ts'
import { run } from '../support/run.ts'
import { tokenOf } from './load.ts'
import type { Measurement } from './measurements.ts'
import { greedy } from './slow-readers.ts'
import type { Route, Stage } from './stage.ts'
import { type Fault, underLoad } from './under-load.ts'

const connections = 150
const seconds = 60

/** How long a reader waits after each piece of an answer. */
const pauseMs = 250

/** What nobody else may have to wait longer for, whatever one user does: 99 of 100 requests. */
const p99LimitMs = 100

/** The embedded engine takes up to 1 GB by itself after it has made its database. */
const rssLimitMb = { direct: 400, embedded: 1200 }

/** One user takes all that can be had: the largest pages, on many connections, read as slowly as one likes. */
const slowReaders = (route: 'direct' | 'embedded'): Fault =>
  underLoad({
    name: `${connections} slow readers of one user's largest pages (${route})`,
    route: route satisfies Route,
    clients: 10,
    requestsPerSecond: 40,
    async inject({ stage, measurements }) {
      await storeLongTasks(stage)
      const from = performance.now()
      const program = join(import.meta.dir, 'slow-readers.ts')
      const answers = await run(
        [process.execPath, program, stage.service.url, connections, seconds, pauseMs].map(String),
      )
      const others = measurements.between(from, performance.now())
      judge(stage, others, rssLimitMb[route])
      stage.notes.push(`the slow readers were answered ${answers.trim()}`)
    },
  })

async function storeLongTasks({ service }: Stage): Promise<void> {
  const connection = new HttpConnection(service.url)
  const headers = { Authorization: `Bearer ${tokenOf(greedy)}` }
  const body = { title: '😀'.repeat(200), description: '😀'.repeat(10_000) }
  for (let count = 0; count < 1000; count++)
    await connection.send({ method: 'POST', path: '/api/tasks', headers, body }, 10_000)
  connection.close()
}

function judge(stage: Stage, others: Measurement[], limitMb: number): void {
  const durations = others.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((one, two) => one - two)
  const quantile = (part: number) => durations[Math.floor(durations.length * part)] ?? 0
  const failed = others.filter(({ outcome }) => outcome !== 'ok').length
  stage.notes.push(
    `others: ${others.length} requests, ${failed} failed, median ${quantile(0.5).toFixed(1)} ms, ` +
      `p99 ${quantile(0.99).toFixed(1)} ms`,
  )
  if (failed > 0) stage.failures.push(`${failed} requests of others failed`)
  if (quantile(0.99) > p99LimitMs) stage.delays.push('others had to wait')
  if (stage.memory.bytes > limitMb * 2 ** 20) stage.failures.push(`more than ${limitMb} MB of memory`)
}

/** What one user can do to the others. */
export const greedyUserFaults: Fault[] = [slowReaders('direct'), slowReaders('embedded')]
