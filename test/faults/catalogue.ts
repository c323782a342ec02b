import { databaseFaults } from './database.ts'
import { embeddedFaults } from './embedded.ts'
import { greedyUserFaults } from './greedy-user.ts'
import { networkFaults } from './network.ts'
import { overloadFaults } from './overload.ts'
import { poolerFaults } from './pooler.ts'
import { replicaFaults } from './replicas.ts'
import { serviceFaults } from './service.ts'
import { slowClientFaults } from './slow-clients.ts'
import type { Fault } from './under-load.ts'

/** Every fault, in the order of the table. */
export const faults: Fault[] = [
  ...databaseFaults,
  ...networkFaults,
  ...poolerFaults,
  ...serviceFaults,
  ...replicaFaults,
  ...embeddedFaults,
  ...overloadFaults,
  ...slowClientFaults,
  ...greedyUserFaults,
]
