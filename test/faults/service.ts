import { type HttpAnswer, HttpConnection } from '../support/http-connection.ts'
import type { Service } from '../support/process.ts'
import { tokenOf } from './load.ts'
import type { Stage } from './stage.ts'
import { type Fault, underLoad } from './under-load.ts'

const shutdownTimeoutMs = 8000

const terminated = underLoad({
  name: 'SIGTERM of the service',
  isQuick: true,
  route: 'direct',
  env: { SHUTDOWN_TIMEOUT_MS: String(shutdownTimeoutMs) },
  // After the end nobody listens, until the next one starts; but what was accepted must be answered.
  excuses: ['refused'],
  async inject({ stage, recoveries }) {
    const { service } = stage
    const slow = await startSlowRequest(stage)
    stage.expectEnd(service)
    const from = performance.now()
    service.signal('SIGTERM')
    await readinessEnds(stage, service)
    const answer = await slow.answer
    if (answer.status !== 200) stage.failures.push(`the request under way was answered ${answer.status}`)
    const code = await service.exited
    const seconds = (performance.now() - from) / 1000
    stage.notes.push(`ended with ${code} after ${seconds.toFixed(1)} s`)
    if (code !== 0) stage.failures.push(`the service ended with ${code} after SIGTERM`)
    if (seconds * 1000 > shutdownTimeoutMs + 1000) stage.failures.push(`the service took ${seconds} s to end`)
    await stage.startService({ PORT: String(service.port) })
    await recoveries.end()
  },
})

const killed = underLoad({
  name: 'kill -9 of the service, 3 times',
  route: 'direct',
  feltAs: 'cut',
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

/**
 * A request that needs more than a second, because its task's row is locked by somebody else. Resolves when it
 * has certainly reached the database.
 */
async function startSlowRequest({ postgres, service }: Stage): Promise<{ answer: Promise<HttpAnswer> }> {
  const connection = new HttpConnection(service.url)
  const headers = { Authorization: `Bearer ${tokenOf('patient')}` }
  const body = { title: 'slow' }
  const created = await connection.send({ method: 'POST', path: '/api/tasks', headers, body }, 5000)
  const { id } = JSON.parse(created.text)
  const isWaitingFor = async (event: string) =>
    (await postgres.psql(
      `select pid from pg_stat_activity where datname = current_database() and ${event}`,
    )) !== ''
  postgres.psql(`begin; select from tasks where id = ${id} for update; select pg_sleep(1.5)`)
  while (!(await isWaitingFor("wait_event = 'PgSleep'"))) await Bun.sleep(5)
  const change = { method: 'PATCH', path: `/api/tasks/${id}/complete`, headers, body: { completed: true } }
  const answer = connection.send(change, 10_000)
  while (!(await isWaitingFor("wait_event_type = 'Lock'"))) await Bun.sleep(5)
  return { answer }
}

/** The first answer after the signal says that the service is not ready, and every later one. */
async function readinessEnds(stage: Stage, service: Service): Promise<void> {
  const connection = new HttpConnection(service.url)
  const answers: number[] = []
  for (;;) {
    const answer = await connection.send({ method: 'GET', path: '/health/ready' }, 5000).catch(() => null)
    if (!answer) break
    answers.push(answer.status)
    await Bun.sleep(20)
  }
  if (answers.length === 0) stage.failures.push('balancers had no time to notice the end')
  if (answers.some((status) => status !== 503)) stage.failures.push('/health/ready was not 503 at once')
}

/** The service itself ends. */
export const serviceFaults: Fault[] = [terminated, killed]
