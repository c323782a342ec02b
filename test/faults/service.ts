import postgres from 'postgres'
import { type HttpAnswer, HttpConnection } from '../support/http-connection.ts'
import type { Service } from '../support/process.ts'
import { tokenOf } from './load.ts'
import type { Stage } from './stage.ts'
import { type Fault, underLoad } from './under-load.ts'

const shutdownTimeoutMs = 8000

/** The clients are behind a balancer, which watches `/health/ready` and sends nothing once that says no. */
const terminated = underLoad({
  name: 'SIGTERM of the service behind a balancer',
  isQuick: true,
  route: 'direct',
  env: { SHUTDOWN_TIMEOUT_MS: String(shutdownTimeoutMs) },
  async inject({ stage, load, recoveries }) {
    const { service } = stage
    const slow = await startSlowRequest(stage)
    const ended = terminate(stage, service)
    // Well after the listener has closed.
    const released = Bun.sleep(1300).then(slow.release)
    await readinessEnds(stage, service, () => load.stop())
    await released
    const answer = await slow.answer
    if (answer.status !== 200) stage.failures.push(`the request under way was answered ${answer.status}`)
    await ended
    await stage.startService({ PORT: String(service.port) })
    load.start()
    await recoveries.end()
  },
})

/**
 * The clients know of nothing and go on. What is refused, or reaches a kept connection in the moment of its end,
 * is counted apart; whatever is answered must be answered well.
 */
const terminatedUnnoticed = underLoad({
  name: 'SIGTERM of the service without a balancer',
  route: 'direct',
  env: { SHUTDOWN_TIMEOUT_MS: String(shutdownTimeoutMs) },
  excuses: ['refused', 'cut'],
  feltAs: 'refused',
  async inject({ stage, measurements, recoveries }) {
    const { service } = stage
    await terminate(stage, service)
    stage.notes.push(`${measurements.count('cut')} requests were cut off in the moment of the end`)
    await stage.startService({ PORT: String(service.port) })
    await recoveries.end()
  },
})

async function terminate(stage: Stage, service: Service): Promise<void> {
  stage.expectEnd(service)
  const from = performance.now()
  service.signal('SIGTERM')
  const code = await service.exited
  const ms = performance.now() - from
  stage.notes.push(`ended with ${code} after ${(ms / 1000).toFixed(1)} s`)
  if (code !== 0) stage.failures.push(`the service ended with ${code} after SIGTERM`)
  if (ms > shutdownTimeoutMs) stage.failures.push('the service did not end within SHUTDOWN_TIMEOUT_MS')
}

const killed = underLoad({
  name: 'kill -9 of the service, 3 times',
  route: 'direct',
  feltAs: 'refused',
  excuses: ['refused', 'cut'],
  async inject({ stage, recoveries }) {
    for (let time = 0; time < 3; time += 1) {
      const service = stage.services.at(-1) as Service
      stage.expectEnd(service)
      recoveries.begin()
      service.signal('SIGKILL')
      await service.exited
      await stage.startService({ PORT: String(service.port) })
      await recoveries.end()
      await Bun.sleep(1000)
    }
  },
})

/** A request under way. */
interface SlowRequest {
  answer: Promise<HttpAnswer>
  /** Lets it come to its end. */
  release(): Promise<void>
}

/**
 * A request that waits in the database, because its task's row is locked by somebody else. Resolves when it
 * has certainly got there.
 */
async function startSlowRequest({ postgres: server, service }: Stage): Promise<SlowRequest> {
  const connection = new HttpConnection(service.url)
  const headers = { Authorization: `Bearer ${tokenOf('patient')}` }
  const body = { title: 'slow' }
  const created = await connection.send({ method: 'POST', path: '/api/tasks', headers, body }, 5000)
  const { id } = JSON.parse(created.text)
  const pool = postgres(server.url(), { max: 1 })
  const locker = await pool.reserve()
  await locker`begin`
  await locker`select from tasks where id = ${id} for update`
  const change = { method: 'PATCH', path: `/api/tasks/${id}/complete`, headers, body: { completed: true } }
  const answer = connection.send(change, 10_000)
  while ((await locker`select from pg_stat_activity where wait_event_type = 'Lock'`).length === 0)
    await Bun.sleep(5)
  return {
    answer,
    async release() {
      await locker`commit`
      locker.release()
      await pool.end()
    },
  }
}

/** The first answer after the signal says that the service is not ready, and so does every later one. */
async function readinessEnds(stage: Stage, service: Service, onNotice: () => Promise<void>): Promise<void> {
  const connection = new HttpConnection(service.url)
  const statuses: number[] = []
  // A signal and a request that are sent together may arrive in either order.
  await Bun.sleep(50)
  for (;;) {
    const answer = await connection.send({ method: 'GET', path: '/health/ready' }, 5000).catch(() => null)
    if (!answer) break
    statuses.push(answer.status)
    if (answer.status === 503) await onNotice()
    await Bun.sleep(20)
  }
  if (statuses.length === 0) stage.failures.push('balancers had no time to notice the end')
  if (statuses.some((status) => status !== 503)) stage.failures.push('/health/ready was not 503 at once')
}

/** The service itself ends. */
export const serviceFaults: Fault[] = [terminated, terminatedUnnoticed, killed]
