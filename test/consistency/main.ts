import { SECRET } from '../support/api.ts'
import { startNginx } from '../support/nginx.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startService } from '../support/process.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'
import { findStepsBack, isLinearizable, type Operation } from './checker.ts'
import { begin, type Records, runClient, walk } from './client.ts'

/**
 * `bun run test:consistency`: a primary with a synchronous standby, three replicas of the service behind nginx,
 * eight clients on four tasks, and a failover in the middle. What the clients have seen is then held against a
 * single register for each task. Exits with 1 when anything was seen that must not be.
 */

const CLIENTS = 8
const TASKS = 4
const BEFORE_MS = 2000
const AFTER_MS = 5000

interface Scene {
  primary: PostgresServer
  standby: PostgresServer
  /** The address that the services know. */
  address: TcpProxy
}

interface Failover {
  name: string
  hasPooler: boolean
  /** How long, from then on, a replica may still read what the old primary has. */
  mayReadPastMs?: number
  /** Resolves when new connections lead to the new primary. */
  inject(scene: Scene): Promise<void>
}

const promote = async ({ standby, address }: Scene): Promise<void> => {
  await standby.psql('select pg_promote()')
  address.repoint(standby)
}

const failovers: Failover[] = [
  {
    name: 'primary killed, behind PgBouncer',
    hasPooler: true,
    async inject(scene) {
      await scene.primary.kill()
      await promote(scene)
      scene.address.cutAll()
    },
  },
  {
    name: 'primary killed, without a pooler',
    hasPooler: false,
    async inject(scene) {
      await scene.primary.kill()
      await promote(scene)
    },
  },
  {
    name: 'primary fenced and living on, without a pooler',
    hasPooler: false,
    mayReadPastMs: 1000,
    async inject(scene) {
      const { primary } = scene
      await primary.psql('alter system set default_transaction_read_only = on; select pg_reload_conf()')
      await until(async () => (await primary.psql('show default_transaction_read_only')) === 'on')
      // What had begun before is over, and has reached the standby.
      await Bun.sleep(200)
      const writing = `select count(*) from pg_stat_activity where backend_xid is not null`
      await until(async () => (await primary.psql(writing)) === '0')
      await promote(scene)
      setTimeout(() => primary.kill(), 3500)
    },
  },
]

/** Everything that must not be, in what was recorded. */
const judge = async (url: string, { tasks, keys, problems }: Records): Promise<string[]> => {
  const anomalies = [...problems]
  for (const { id, first, history } of tasks) {
    if (!isLinearizable(first, history)) anomalies.push(`the history of task ${id} is not linearizable`)
    for (const { title } of findStepsBack(history))
      anomalies.push(`updated_at of task ${id} went back at ${title}`)
  }
  const titles = await walk(url)
  for (const [key, ids] of keys) {
    if (ids.size !== 1) anomalies.push(`${key} was answered with tasks ${[...ids].join(', ')}`)
    const times = titles.filter((title) => title === key).length
    if (times !== 1) anomalies.push(`a walk over all pages shows ${key} ${times} times`)
  }
  const last = tasks.map(({ id }) => id)
  if (titles.length !== keys.size + last.length)
    anomalies.push(`a walk over all pages shows ${titles.length} tasks of ${keys.size + last.length}`)
  return anomalies
}

const play = async ({ name, hasPooler, mayReadPastMs = 0, inject }: Failover): Promise<boolean> => {
  const primary = await startPostgres({ durable: true })
  const standby = await startPostgres({ durable: true, standbyOf: primary })
  const address = await startTcpProxy(primary)
  const upstream = address.url(primary.url())
  const settings = { server_login_retry: 0.1 }
  const bouncer = hasPooler ? await startPgBouncer({ upstream, settings }) : undefined
  const env = {
    DATABASE_URL: bouncer?.url() ?? upstream,
    ...(bouncer && { DATABASE_PREPARE: 'false' }),
    BETTER_AUTH_SECRET: SECRET,
    ENVIRONMENT: 'test',
    LOG_LEVEL: 'error',
  }
  const services = await Promise.all([1, 2, 3].map(() => startService(env)))
  await Promise.all(services.map((service) => service.ready()))
  const nginx = await startNginx(services.map(({ port }) => port))
  try {
    await primary.psql(`alter system set synchronous_standby_names = '*'; select pg_reload_conf()`)
    await until(async () => (await primary.psql('select sync_state from pg_stat_replication')) === 'sync')
    const records = await begin(nginx.url, TASKS)
    let isOver = false
    const clients = Array.from({ length: CLIENTS }, (_, index) =>
      runClient(nginx.url, `client-${index}`, records, () => isOver),
    )
    await Bun.sleep(BEFORE_MS)
    await inject({ primary, standby, address })
    const repointedAt = performance.now()
    await Bun.sleep(AFTER_MS)
    isOver = true
    await Promise.all(clients)
    const mayReadPastUntil = repointedAt + mayReadPastMs
    const isExcused = ({ kind, from, to }: Operation) =>
      kind === 'read' && from < mayReadPastUntil && to > repointedAt && mayReadPastMs > 0
    for (const task of records.tasks) task.history = task.history.filter((operation) => !isExcused(operation))
    const anomalies = await judge(nginx.url, records)
    const stored = records.stored.sort((one, other) => one - other)
    const gap = Math.max(...stored.map((at, index) => at - (stored[index - 1] ?? at)))
    const first = stored.find((at) => at > repointedAt) ?? Number.NaN
    const operations = records.tasks.reduce((sum, { history }) => sum + history.length, 0)
    const unknown = records.tasks.flatMap(({ history }) =>
      history.filter(({ outcome }) => outcome === 'unknown'),
    )
    console.log(`${anomalies.length === 0 ? 'ok    ' : 'FAILED'} ${name}`)
    console.log(
      `  ${operations} operations on ${TASKS} tasks, ${unknown.length} of unknown outcome, ${records.keys.size} keys`,
    )
    console.log(
      `  longest time without a stored write ${gap.toFixed(0)} ms, first one ${(first - repointedAt).toFixed(0)} ms after the address leads to the new primary`,
    )
    for (const anomaly of anomalies.slice(0, 10)) console.log(`  ${anomaly}`)
    return anomalies.length === 0
  } finally {
    await Promise.all(services.map((service) => service.stop()))
    await nginx.remove()
    await bouncer?.remove()
    await address.close()
    await standby.remove()
    await primary.remove()
  }
}

const words = process.argv.slice(2)
let isGood = true
for (const failover of failovers)
  if (words.length === 0 || words.some((word) => failover.name.includes(word)))
    isGood = (await play(failover)) && isGood
process.exit(isGood ? 0 : 1)
