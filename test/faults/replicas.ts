import { findCaddy, startCaddy } from '../support/caddy.ts'
import { startNginx, startNginxWith } from '../support/nginx.ts'
import { findPostgres } from '../support/postgres.ts'
import type { Service } from '../support/process.ts'
import { printedCaddy, printedNginx } from '../support/proxy-settings.ts'
import { run } from '../support/run.ts'
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

interface RollingOptions {
  name: string
  restarts: number
  isQuick?: boolean
  excuses?: 'cut'[]
  /** Starts what is in front, and says where it is. */
  startProxy(stage: Stage, ports: number[]): Promise<string>
}

/** Two replicas are stopped with SIGTERM and started again in turn, behind a proxy set up as docs/OPERATIONS.md says. */
const rolling = ({ restarts, startProxy, ...options }: RollingOptions): Fault =>
  underLoad({
    ...options,
    route: 'direct',
    isBehindBalancer: true,
    async start(stage) {
      const services = await Promise.all([1, 2].map(() => stage.startService()))
      return [
        await startProxy(
          stage,
          services.map(({ port }) => port),
        ),
      ]
    },
    async inject({ stage, measurements }) {
      const startedAt = performance.now()
      for (let time = 0; time < restarts; time += 1) {
        const service = stage.services[time] as Service
        stage.expectEnd(service)
        const code = await service.stop()
        if (code !== 0) stage.failures.push(`a replica ended with ${code} after SIGTERM`)
        await stage.startService({ PORT: String(service.port) })
        await Bun.sleep(noticedMs)
      }
      const now = performance.now()
      const writes = measurements.between(startedAt, now).filter(({ isWrite }) => isWrite).length
      stage.notes.push(
        `${restarts} restarts in ${((now - startedAt) / 1000).toFixed(0)} s, ${writes} writes meanwhile`,
      )
    },
  })

/** In this time a proxy that asks for a replica's health has seen that it is ready again. */
const noticedMs = 700

/** Asks each replica whether it is ready, and so sends nothing to one that is about to close. */
const startPrintedCaddy = async (stage: Stage, ports: number[]): Promise<string> => {
  const caddy = await startCaddy((port) => printedCaddy(port, ports))
  stage.atClose(caddy.remove)
  return caddy.url
}

/** Asks nobody: it goes on sending until it is refused, and Linux resets what is being opened just then. */
const startPrintedNginx = async (stage: Stage, ports: number[]): Promise<string> => {
  const nginx = await startNginxWith((port) => printedNginx(port, ports))
  stage.atClose(nginx.remove)
  return nginx.url
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
    startProxy: startPrintedCaddy,
  }),
  rolling({
    name: 'two replicas behind Caddy restarted in turn, 30 times',
    restarts: 30,
    startProxy: startPrintedCaddy,
  }),
  rolling({
    name: 'two replicas behind nginx restarted in turn, 30 times',
    restarts: 30,
    excuses: ['cut'],
    startProxy: startPrintedNginx,
  }),
]
