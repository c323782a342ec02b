import { startNginx } from '../support/nginx.ts'
import { findPostgres } from '../support/postgres.ts'
import type { Service } from '../support/process.ts'
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
]
