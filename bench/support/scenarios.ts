import type { BenchRequest, Operation, OperationName } from './operations.ts'

/** A load that is measured: kinds of requests in a fixed order, over and over. */
export interface Scenario {
  name: string
  pattern: OperationName[]
  connections: number
  expectedStatus: 200 | 201 | 401
}

const CONNECTIONS = 64

const scenario = (
  name: string,
  pattern: OperationName[],
  { connections = CONNECTIONS, expectedStatus = 200 as Scenario['expectedStatus'] } = {},
): Scenario => ({ name, pattern, connections, expectedStatus })

/** 60 % list, 20 % get, 10 % create, 10 % toggle, as even as ten requests allow. */
export const MIXTURE: OperationName[] = [
  'list',
  'list',
  'get',
  'list',
  'create',
  'list',
  'list',
  'get',
  'list',
  'toggle',
]

/** Everything `bun run bench` measures, in this order. */
export const scenarios: Scenario[] = [
  scenario('get', ['get']),
  scenario('list', ['list']),
  scenario('create', ['create'], { expectedStatus: 201 }),
  scenario('toggle', ['toggle']),
  scenario('mixed', MIXTURE),
  scenario('401', ['unauthenticated'], { expectedStatus: 401 }),
  scenario('health', ['health']),
  scenario('get-8', ['get'], { connections: 8 }),
  scenario('get-256', ['get'], { connections: 256 }),
  // Last, because it fills a cache of tokens with ones that nobody sends again.
  scenario('get-cold', ['getCold']),
]

/** Whether a scenario changes tasks, so that each turn has to start from the same ones. */
export const isWriting = ({ pattern }: Scenario) => pattern.includes('create') || pattern.includes('toggle')

/** The first `count` requests of a scenario. Each kind counts its own, so that none skips any user. */
export function listRequests(
  { pattern }: Pick<Scenario, 'pattern'>,
  operations: Record<OperationName, Operation>,
  count: number,
): BenchRequest[] {
  const sent = new Map<OperationName, number>()
  return Array.from({ length: count }, (_, index) => {
    const name = pattern[index % pattern.length] as OperationName
    const n = sent.get(name) ?? 0
    sent.set(name, n + 1)
    return operations[name](n)
  })
}
