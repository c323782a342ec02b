/**
 * `bun bench/growth.ts`: what happens to this service when data, connections and time grow. Each size of
 * table is a database of its own with a service of its own, so that the sizes can be measured in turns.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureConnections, renderConnections } from './growth/connections.ts'
import { renderMemory, watchMemory } from './growth/memory.ts'
import { measureSizes, renderSizes } from './growth/sizes.ts'
import { measureStartUp, renderStartUp } from './growth/start-up.ts'
import { type ServedTable, serveTable } from './growth/table.ts'
import { STANDARD_DATA_SET } from './support/data-set.ts'
import { describeMachine } from './support/machine.ts'
import { createOperations } from './support/operations.ts'
import { startPostgres } from './support/postgres.ts'
import { progress } from './support/progress.ts'
import { writeRequests } from './support/requests-file.ts'
import { listRequests, MIXTURE } from './support/scenarios.ts'
import type { TurnSettings } from './support/turns.ts'

const USAGE = `bun bench/growth.ts [options]
  --only a,b           sizes,start-up,connections,memory
  --sizes a,b          tasks in the table (10000,1000000; 10000000 takes minutes to fill)
  --connections a,b    (8,32,128,512,1024)
  --requests N         answered while memory is watched (1000000)
  --rounds N           turns of each (3)
  --seconds N          length of a turn (3)
  --json FILE          where the figures go (bench/growth.json)`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'sizes,start-up,connections,memory' },
    sizes: { type: 'string', default: '10000,1000000' },
    connections: { type: 'string', default: '8,32,128,512,1024' },
    requests: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'string', default: join(import.meta.dir, 'growth.json') },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(USAGE)
  process.exit()
}
const parts = options.only.split(',')
const listNumbers = (text: string) => text.split(',').map(Number)
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
const CONNECTIONS = 64
/** No one has more tasks than this, and on a small table the heavy user has half of them. */
const MOST_TASKS_OF_USER = 1_000_000
/** Memory is read after each slice of the load, often enough to see the first 10⁵ requests. */
const MEMORY_SLICE_S = 2

await using cleanUp = new AsyncDisposableStack()
const directory = await mkdtemp(join(tmpdir(), 'bench-requests-'))
cleanUp.defer(() => rm(directory, { recursive: true, force: true }))
const cluster = cleanUp.use(await startPostgres())
const secret = crypto.randomUUID() + crypto.randomUUID()
const turns: TurnSettings = {
  rounds,
  warmUpSeconds: 1,
  database: cluster,
  onTurn: (_server, round, { cpuUs }) => progress(`  round ${round}/${rounds}: ${cpuUs.toFixed(1)} µs`),
}

const figures: Record<string, unknown> = {
  takenAt: new Date().toISOString(),
  machine: await describeMachine(),
}
const report: string[] = []

if (parts.includes('sizes') || parts.includes('start-up')) {
  const tables: ServedTable[] = []
  for (const tasks of listNumbers(options.sizes)) {
    progress(`filling a table with ${tasks} tasks`)
    const heavyTasks = Math.min(tasks / 2, MOST_TASKS_OF_USER)
    // As many tasks in progress whatever the size, few and far between: the worst case of a filter.
    const dataSet = { tasks, heavyTasks, users: 1000, inProgressEvery: tasks / 400 }
    tables.push(cleanUp.use(await serveTable(cluster, secret, dataSet, `tasks_${tasks}`)))
  }
  if (parts.includes('sizes')) {
    progress('sizes')
    const results = await measureSizes(tables, {
      ...turns,
      directory,
      secret,
      seconds,
      connections: CONNECTIONS,
    })
    figures.sizes = results
    report.push(renderSizes(results))
  }
  if (parts.includes('start-up')) {
    progress('start-up')
    const results = await measureStartUp(tables, rounds)
    figures.startUp = results
    report.push(renderStartUp(results))
  }
}

if (parts.includes('connections') || parts.includes('memory')) {
  const { server } = cleanUp.use(await serveTable(cluster, secret, STANDARD_DATA_SET, 'standard'))
  const operations = createOperations(STANDARD_DATA_SET, secret)
  const fileOf = (name: string, pattern: typeof MIXTURE) =>
    writeRequests(join(directory, name), listRequests({ pattern }, operations, STANDARD_DATA_SET.tasks))
  if (parts.includes('memory')) {
    progress('memory')
    const requestsFile = await fileOf('memory.tsv', MIXTURE)
    const load = { connections: CONNECTIONS, seconds: MEMORY_SLICE_S, requestsFile, expectedStatus: 200 }
    const samples = await watchMemory(server, load, cluster, Number(options.requests))
    figures.memory = samples
    report.push(renderMemory(samples))
  }
  if (parts.includes('connections')) {
    progress('connections')
    const numbers = listNumbers(options.connections)
    const requestsFile = await fileOf('connections.tsv', ['get'])
    const results = await measureConnections(server, numbers, { ...turns, seconds, requestsFile })
    figures.connections = results
    report.push(renderConnections(results))
  }
}

await Bun.write(options.json, `${JSON.stringify(figures, null, 2)}\n`)
console.log(report.join('\n\n'))
