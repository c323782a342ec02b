/**
 * `bun run bench`: what a request costs this service beside others, the database's share included.
 * `bun run bench --help` lists the options.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import postgres from 'postgres'
import { STANDARD_DATA_SET, seedLeanTasks, seedTasks, seedUsers } from './support/data-set.ts'
import { installPeers } from './support/install-peers.ts'
import { describeMachine } from './support/machine.ts'
import { createOperations } from './support/operations.ts'
import { startPostgres } from './support/postgres.ts'
import { probe } from './support/probe.ts'
import { progress } from './support/progress.ts'
import { writeRequests } from './support/requests-file.ts'
import type { Result, Results } from './support/results.ts'
import { isWriting, listRequests, type Scenario, scenarios } from './support/scenarios.ts'
import {
  isServerName,
  programs,
  type RunningServer,
  type ServerName,
  startServer,
} from './support/servers.ts'
import { median } from './support/statistics.ts'
import { renderReport } from './support/table.ts'
import { takeTurns } from './support/turns.ts'

const USAGE = `bun run bench [options]
  --rounds N         turns of each server in each scenario (3)
  --seconds N        length of a turn (5)
  --warm-up N        seconds of load before each turn, every answer checked (10)
  --only a,b         scenarios: ${scenarios.map(({ name }) => name).join(',')}
  --peers a,b        servers beside the service: floor,bun-sql,hono,fastify
  --json FILE        where the figures go (bench/results.json)`

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '10' },
    only: { type: 'string', default: scenarios.map(({ name }) => name).join(',') },
    peers: { type: 'string', default: 'floor,bun-sql,hono,fastify' },
    json: { type: 'string', default: join(import.meta.dir, 'results.json') },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(USAGE)
  process.exit()
}

const chosenScenarios = options.only.split(',').map((name) => {
  const found = scenarios.find((scenario) => scenario.name === name)
  if (!found) throw new Error(`there is no scenario ${name}\n${USAGE}`)
  return found
})
const chosenServers = ['service', ...options.peers.split(',').filter(Boolean)].map((name) => {
  if (!isServerName(name)) throw new Error(`there is no server ${name}\n${USAGE}`)
  return name
})
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
const warmUpSeconds = Number(options['warm-up'])

const secret = crypto.randomUUID() + crypto.randomUUID()
const operations = createOperations(STANDARD_DATA_SET, secret)

await using cleanUp = new AsyncDisposableStack()
const directory = await mkdtemp(join(tmpdir(), 'bench-requests-'))
cleanUp.defer(() => rm(directory, { recursive: true, force: true }))

await installPeers()
const database = cleanUp.use(await startPostgres())
const sql = postgres(database.url, { max: 1, onnotice: () => {} })
cleanUp.defer(() => sql.end())

let running: RunningServer | undefined
cleanUp.defer(() => running?.[Symbol.asyncDispose]())
const startsMs = new Map(chosenServers.map((name) => [name, [] as number[]]))

/** Stops the server that runs, and starts this one. */
async function startAnew(name: ServerName): Promise<RunningServer> {
  await running?.[Symbol.asyncDispose]()
  running = await startServer(name, { databaseUrl: database.url, secret })
  startsMs.get(name)?.push(running.startMs)
  return running
}

// The service makes its tables, from which the peers' is filled.
await startAnew('service')
await seedUsers(sql, STANDARD_DATA_SET)

const results: Result[] = []
for (const scenario of chosenScenarios) results.push(...(await runScenario(scenario)))

const run: Results = {
  takenAt: new Date().toISOString(),
  machine: await describeMachine(),
  rounds,
  seconds,
  warmUpSeconds,
  startMs: Object.fromEntries(startsMs.entries().map(([name, times]) => [name, median(times)])),
  results,
}
await Bun.write(options.json, `${JSON.stringify(run, null, 2)}\n`)
console.log(renderReport(run))

/** Fills the service's table, and the peers' with the same. */
async function seedAllTasks(): Promise<void> {
  await seedTasks(sql, STANDARD_DATA_SET)
  await seedLeanTasks(sql)
}

/** Tries every server with one request of each kind, then measures them in turns. */
async function runScenario(scenario: Scenario): Promise<Result[]> {
  const { name, connections, expectedStatus } = scenario
  await seedAllTasks()
  for (const name of chosenServers) {
    const server = await startAnew(name)
    for (const operation of new Set(scenario.pattern)) {
      await probe(server, operation, operations[operation], sql)
    }
  }

  const requestsFile = join(directory, `${name}.tsv`)
  await writeRequests(requestsFile, listRequests(scenario, operations, STANDARD_DATA_SET.tasks))
  const load = { connections, seconds, requestsFile, expectedStatus }
  const prepare = async (name: ServerName) => {
    if (isWriting(scenario)) await seedAllTasks()
    return startAnew(name)
  }
  const outcomes = await takeTurns(
    chosenServers.map((name) => ({ load, prepare: () => prepare(name) })),
    {
      rounds,
      warmUpSeconds,
      database,
      onTurn: ({ label }, round, { cpuUs, databaseCpuUs }) =>
        progress(`${name} ${round}/${rounds} ${label}: ${cpuUs.toFixed(1)} + ${databaseCpuUs.toFixed(1)} µs`),
    },
  )
  return outcomes.map((outcome, index) => {
    const server = chosenServers[index] as ServerName
    return { scenario: name, connections, server, label: programs[server].label, ...outcome }
  })
}
