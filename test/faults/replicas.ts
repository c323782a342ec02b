import { findCaddy, startCaddy } from '../support/caddy.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { startNginx, startNginxWith } from '../support/nginx.ts'
import { findPostgres } from '../support/postgres.ts'
import type { Service } from '../support/process.ts'
import { printedCaddy, printedNginx, printedRestarts } from '../support/proxy-settings.ts'
import { run } from '../support/run.ts'
import { giveToUnprivileged } from '../support/unprivileged.ts'
import { type Route, Stage } from './stage.ts'
import { type Fault, underLoad } from './under-load.ts'

/** Eight on an empty database at the same moment, and then the load on all of them. */
const migrating = (route: Route, name: string): Fault =>
  underLoad({
    name,
    route,
    async start(stage) {
      // Eight pools of ten would be more than the server has slots.
      const services = await Promise.all(
        Array.from({ length: 8 }, () => stage.startService({ DATABASE_POOL_MAX: '5' })),
      )
      return services.map(({ url }) => url)
    },
    async inject({ stage }) {
      const [raced, alone] = await Promise.all([schemaOf(stage), schemaMigratedAlone()])
      if (raced !== alone) stage.failures.push('the schema is not what one replica makes alone')
      await Bun.sleep(1000)
    },
  })

const balanced = underLoad({
  name: 'three replicas behind nginx and PgBouncer, each killed in turn',
  route: 'pgbouncer',
  isBehindBalancer: true,
  excuses: ['refused', 'cut'],
  clients: 30,
  async start(stage) {
    const services = await Promise.all([1, 2, 3].map(() => stage.startService()))
    const nginx = await startNginx(services.map(({ port }) => port))
    stage.atClose(nginx.remove)
    return [nginx.url]
  },
  async inject({ stage, measurements, recoveries }) {
    for (let time = 0; time < 3; time += 1) {
      const service = stage.services[time] as Service
      stage.expectEnd(service)
      recoveries.begin()
      service.signal('SIGKILL')
      await service.exited
      await Bun.sleep(1500)
      await stage.startService({ PORT: String(service.port) })
      await recoveries.end()
      await Bun.sleep(1000)
    }
    const cutReads = measurements.all.filter(({ outcome, isWrite }) => outcome === 'cut' && !isWrite).length
    if (cutReads > 0) stage.failures.push(`${cutReads} reads failed although two replicas were there`)
  },
})

/** Two replicas with a proxy in front, set up as docs/OPERATIONS.md says. */
interface Front {
  url: string
  /** Ends one replica with SIGTERM and starts it again, and then the other. */
  restartBoth(): Promise<void>
}

interface RollingOptions {
  name: string
  restarts: number
  requestsPerSecond?: number
  isQuick?: boolean
  excuses?: 'cut'[]
  /** When nothing may be answered 503 either. */
  mustAllSucceed?: boolean
  startFront(stage: Stage, ports: [number, number]): Promise<Front>
}

const rolling = ({ restarts, mustAllSucceed = false, startFront, ...options }: RollingOptions): Fault => {
  let front: Front
  return underLoad({
    ...options,
    route: 'direct',
    isBehindBalancer: true,
    async start(stage) {
      const [one, other] = await Promise.all([stage.startService(), stage.startService()])
      front = await startFront(stage, [one.port, other.port])
      return [front.url]
    },
    async inject({ stage, measurements }) {
      const startedAt = performance.now()
      for (let time = 0; time < restarts; time += 2) await front.restartBoth()
      const now = performance.now()
      const during = measurements.between(startedAt, now)
      const writes = during.filter(({ isWrite }) => isWrite).length
      const refused = measurements.count('unavailable')
      if (mustAllSucceed && refused > 0) stage.failures.push(`${refused} requests were answered 503`)
      stage.notes.push(
        `${restarts} restarts in ${((now - startedAt) / 1000).toFixed(0)} s, ${during.length} requests meanwhile, ${writes} of them writes`,
      )
    },
  })
}

/** In this time a proxy that asks for a replica's health has seen that it is ready again. */
const noticedMs = 700

/** Resolves when the replica has ended and starts again; `ready` does when it is. */
const restart = async (stage: Stage, port: number): Promise<{ ready: Promise<unknown> }> => {
  const service = stage.services.findLast((one) => one.port === port) as Service
  stage.expectEnd(service)
  const code = await service.stop()
  if (code !== 0) stage.failures.push(`a replica ended with ${code} after SIGTERM`)
  return { ready: stage.startService({ PORT: String(port) }) }
}

/** The proxy is told nothing. */
const restartEach = async (stage: Stage, ports: number[]): Promise<void> => {
  for (const port of ports) {
    const { ready } = await restart(stage, port)
    await ready
    await Bun.sleep(noticedMs)
  }
}

/** Asks each replica whether it is ready, and so sends nothing to one that is about to close. */
const startPrintedCaddy: RollingOptions['startFront'] = async (stage, ports) => {
  const { url, remove } = await startCaddy((port) => printedCaddy(port, ports))
  stage.atClose(remove)
  return { url, restartBoth: () => restartEach(stage, ports) }
}

/** Asks nobody: it goes on sending until it is refused, and Linux resets what is being opened just then. */
const startPrintedNginx: RollingOptions['startFront'] = async (stage, ports) => {
  const { url, remove } = await startNginxWith((port) => printedNginx(port, ports))
  stage.atClose(remove)
  return { url, restartBoth: () => restartEach(stage, ports) }
}

/** Is told which replica is out, by the script that docs/OPERATIONS.md prints. Its `systemctl` is played here. */
const startTakingOut: RollingOptions['startFront'] = async (stage, ports) => {
  const directory = temporaryDirectory('replicas-out')
  await giveToUnprivileged(directory.path)
  const { nginx, script } = printedRestarts(ports, directory.path)
  const { url, remove } = await startNginxWith(nginx)
  const systemd = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { ready } = await restart(stage, Number(request.url.split('@')[1]))
      ready.catch((error) => stage.failures.push(String(error)))
      return new Response()
    },
  })
  stage.atClose(async () => {
    await systemd.stop(true)
    await remove()
    await directory.remove()
  })
  const systemctl = `systemctl() { curl -fsS "http://127.0.0.1:${systemd.port}/$1/$2"; }`
  return {
    url,
    async restartBoth() {
      await run(['timeout', '60', 'sh', '-eu', '-c', `${systemctl}\n${script}`])
    },
  }
}

async function schemaMigratedAlone(): Promise<string> {
  const alone = await Stage.open('direct')
  try {
    await alone.startService()
    return await schemaOf(alone)
  } finally {
    await alone.close()
  }
}

/** The schema as SQL, and which migrations are noted as done. */
async function schemaOf({ postgres }: Stage): Promise<string> {
  const dumped = await run([`${findPostgres()}/pg_dump`, '--schema-only', postgres.url()])
  const done = await postgres.psql('select hash from todo_backend_migrations order by name')
  // Newer versions of pg_dump write a random key around the dump.
  return `${dumped.replace(/^\\(un)?restrict .*$/gm, '')}\n${done}`
}

/** Several services on one database. */
export const replicaFaults: Fault[] = [
  migrating('direct', 'eight replicas migrate an empty database at once'),
  migrating('pgbouncer', 'eight replicas migrate at once through PgBouncer'),
  balanced,
  rolling({
    name: 'two replicas behind Caddy restarted in turn, 4 times',
    isQuick: findCaddy() !== null,
    restarts: 4,
    startFront: startPrintedCaddy,
  }),
  rolling({
    name: 'two replicas behind Caddy restarted in turn, 30 times',
    restarts: 30,
    startFront: startPrintedCaddy,
  }),
  rolling({
    name: 'two replicas behind nginx taken out and restarted in turn, 30 times',
    restarts: 30,
    requestsPerSecond: 300,
    mustAllSucceed: true,
    startFront: startTakingOut,
  }),
  rolling({
    name: 'two replicas behind nginx restarted in turn, 30 times',
    restarts: 30,
    requestsPerSecond: 300,
    excuses: ['cut'],
    startFront: startPrintedNginx,
  }),
]
