import postgres, { type Sql } from 'postgres'
import type { PostgresServer } from '../support/postgres.ts'
import { type Fault, type Scene, underLoad } from './under-load.ts'

const killed = underLoad({
  name: 'kill -9 of PostgreSQL, 3 times',
  route: 'direct',
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    for (let time = 0; time < 3; time += 1) {
      recoveries.begin()
      await stage.postgres.kill()
      await Bun.sleep(1000)
      await stage.postgres.start()
      await recoveries.end()
      await Bun.sleep(1500)
    }
  },
})

const killedOnce = underLoad({
  name: 'kill -9 of PostgreSQL',
  isQuick: true,
  route: 'direct',
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    await stage.postgres.kill()
    await Bun.sleep(500)
    await stage.postgres.start()
    await recoveries.end()
  },
})

const terminated = underLoad({
  name: 'all backends terminated each second',
  isQuick: true,
  route: 'direct',
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    for (let time = 0; time < 6; time += 1) {
      recoveries.begin()
      await stage.postgres.psql(terminateAll)
      await recoveries.end()
      await Bun.sleep(1000)
    }
  },
})

const terminatedOften = underLoad({
  name: 'all backends terminated 5 times a second, pool of 2',
  route: 'direct',
  env: { DATABASE_POOL_MAX: '2' },
  clients: 32,
  requestsPerSecond: 250,
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    for (let time = 0; time < 25; time += 1) {
      await stage.postgres.psql(terminateAll)
      await Bun.sleep(200)
    }
    await recoveries.end()
  },
})

const hung = underLoad({
  name: 'SIGSTOP of PostgreSQL for 10 s',
  route: 'direct',
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    stage.postgres.suspend()
    await Bun.sleep(10_000)
    stage.postgres.resume()
    await recoveries.end()
    // What was sent before may still be carried out: what comes late must not undo what came after.
    await Bun.sleep(2000)
  },
})

const crowded = underLoad({
  name: 'all connection slots taken by others',
  route: 'direct',
  feltAs: 'unavailable',
  async inject(scene) {
    const others = await takeAllSlots(scene)
    await Bun.sleep(4000)
    await others.release()
    await acceptingOrdinaryRoles(scene.stage.postgres)
    await scene.recoveries.end()
  },
})

const readOnly = underLoad({
  name: 'read-only by default',
  isQuick: true,
  route: 'direct',
  feltAs: 'unavailable',
  async inject({ stage, measurements, recoveries }) {
    await setReadOnly(stage.postgres, true)
    // Sessions learn of it between two statements.
    await Bun.sleep(300)
    const from = performance.now()
    const ready = await fetch(`${stage.service.url}/health/ready`)
    if (ready.status !== 200)
      stage.failures.push(`/health/ready answered ${ready.status} on a read-only database`)
    await Bun.sleep(3000)
    const meanwhile = measurements
      .between(from, performance.now())
      .filter(({ startedAt }) => startedAt >= from)
    const reads = meanwhile.filter(({ isWrite }) => !isWrite)
    const writes = meanwhile.filter(({ isWrite }) => isWrite)
    const refusedReads = reads.filter(({ outcome }) => outcome !== 'ok').length
    const storedWrites = writes.filter(({ outcome }) => outcome !== 'unavailable').length
    stage.notes.push(`while read-only: ${reads.length} reads, ${writes.length} writes`)
    if (reads.length === 0 || refusedReads > 0)
      stage.failures.push(`${refusedReads} reads failed while read-only`)
    if (writes.length === 0 || storedWrites > 0)
      stage.failures.push(`${storedWrites} writes were not answered 503`)
    await setReadOnly(stage.postgres, false)
    await recoveries.end({ writesOnly: true })
  },
})

const terminateAll = `
  select count(pg_terminate_backend(pid)) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()`

async function setReadOnly(server: PostgresServer, on: boolean): Promise<void> {
  await server.psql(`alter system set default_transaction_read_only = ${on ? 'on' : 'off'}`)
  await server.psql('select pg_reload_conf()')
  while ((await server.psql('show default_transaction_read_only')) !== (on ? 'on' : 'off')) await Bun.sleep(5)
}

/** Takes every slot that ordinary roles can have, the service's own included, until it is released. */
async function takeAllSlots({ stage }: Scene): Promise<{ release(): Promise<void> }> {
  const server = stage.postgres
  // One connection for all questions: from here on it may take a while to get another.
  const leader = postgres(server.url('postgres'), { max: 1 })
  const [{ max_connections: slots }] = await leader<[{ max_connections: string }]>`show max_connections`
  const terminateService = () =>
    leader`
      with service as materialized (
        select pid from pg_stat_activity where datname = 'todo' and usename = current_user
      )
      select pg_terminate_backend(pid) from service`
  const connections = Array.from({ length: Number(slots) }, () =>
    postgres(server.url('postgres'), { max: 1, backoff: () => 0.01 }),
  )
  let isReleased = false
  const hold = async (connection: Sql) => {
    while (!isReleased && !(await answers(connection))) await Bun.sleep(10)
  }
  const holding = connections.map(hold)
  while ((await terminateService()).length > 0) await Bun.sleep(50)
  return {
    async release() {
      isReleased = true
      await Promise.all([leader, ...connections].map((connection) => connection.end({ timeout: 1 })))
      await Promise.all(holding)
    },
  }
}

async function acceptingOrdinaryRoles(server: PostgresServer): Promise<void> {
  for (;;) {
    const probe = postgres(server.url('postgres'), { max: 1 })
    const isAccepting = await answers(probe)
    await probe.end({ timeout: 1 })
    if (isAccepting) return
    await Bun.sleep(5)
  }
}

function answers(connection: Sql): Promise<boolean> {
  return connection`select 1`.then(
    () => true,
    () => false,
  )
}

/** The server itself fails. */
export const databaseFaults: Fault[] = [
  killedOnce,
  killed,
  terminated,
  terminatedOften,
  hung,
  crowded,
  readOnly,
]
