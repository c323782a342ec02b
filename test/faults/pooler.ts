import { type Fault, underLoad } from './under-load.ts'

const restarted = underLoad({
  name: 'PgBouncer restarted 3 times',
  route: 'pgbouncer',
  async inject({ stage, recoveries }) {
    for (let time = 0; time < 3; time += 1) {
      recoveries.begin()
      await stage.bouncer.stop()
      await Bun.sleep(300)
      await stage.bouncer.start()
      await recoveries.end()
      await Bun.sleep(1000)
    }
  },
})

const serverBehindKilled = underLoad({
  name: 'kill -9 of PostgreSQL behind PgBouncer',
  route: 'pgbouncer',
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    await stage.postgres.kill()
    await Bun.sleep(1000)
    await stage.postgres.start()
    await recoveries.end()
  },
})

/** The pooler between service and server fails, in transaction mode. */
export const poolerFaults: Fault[] = [restarted, serverBehindKilled]
