import { join } from 'node:path'
import { type Fault, underLoad } from './under-load.ts'

const workerDies = underLoad({
  name: "the embedded engine's worker dies, 3 times",
  route: 'embedded',
  service: { preload: join(import.meta.dir, 'kill-worker.preload.ts') },
  // Nobody outside can see when the engine is back: this is from its end on, and includes its start.
  recoveryLimitSeconds: 5,
  clients: 16,
  requestsPerSecond: 60,
  async inject({ stage, recoveries }) {
    for (let time = 0; time < 3; time += 1) {
      recoveries.begin()
      stage.service.signal('SIGUSR2')
      await Bun.sleep(100)
      await recoveries.end()
      await Bun.sleep(1500)
    }
  },
})

const workerStalls = underLoad({
  name: 'the embedded engine does not answer for 4 s',
  route: 'embedded',
  service: { preload: join(import.meta.dir, 'stall-worker.preload.ts') },
  recoveryLimitSeconds: 5,
  clients: 16,
  requestsPerSecond: 60,
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    stage.service.signal('SIGUSR2')
    await Bun.sleep(4000)
    await recoveries.end()
    await Bun.sleep(2000)
  },
})

/** The engine inside of the service fails. */
export const embeddedFaults: Fault[] = [workerDies, workerStalls]
