import { CREATORS, creatorId, type DataSet, userId } from './data-set.ts'
import { signToken, spoilToken } from './tokens.ts'

/** A request of the load. */
export interface BenchRequest {
  method: 'GET' | 'POST' | 'PATCH'
  path: string
  token?: string
  body?: object
}

/** The n-th request of one kind, n from 0. Every n-th user comes with a token of their own. */
export type Operation = (n: number) => BenchRequest
export type OperationName = 'get' | 'getCold' | 'list' | 'create' | 'toggle' | 'unauthenticated' | 'health'

/** The requests that every server is measured with, over a data set without a heavy user. */
export function createOperations(
  { tasks, users }: DataSet,
  secret: string,
): Record<OperationName, Operation> {
  const signAll = (count: number, nameOf: (number: number) => string) =>
    Array.from({ length: count }, (_, index) => signToken(nameOf(index + 1), secret))
  const userTokens = signAll(users, userId)
  const creatorTokens = signAll(CREATORS, creatorId)
  const tokenOf = (tokens: string[], n: number) => tokens[n % tokens.length] as string

  // Task n + 1 belongs to user n % users + 1, see seedTasks.
  const taskPath = (n: number) => `/api/tasks/${(n % tasks) + 1}`

  return {
    get: (n) => ({ method: 'GET', path: taskPath(n), token: tokenOf(userTokens, n) }),
    // Every request its own token: more of them than any cache that is bounded sensibly will hold.
    getCold: (n) => ({
      method: 'GET',
      path: taskPath(n),
      token: signToken(userId((n % users) + 1), secret, { jti: n }),
    }),
    list: (n) => ({ method: 'GET', path: '/api/tasks', token: tokenOf(userTokens, n) }),
    create: (n) => ({
      method: 'POST',
      path: '/api/tasks',
      token: tokenOf(creatorTokens, n),
      body: { title: `Buy milk ${n}`, description: 'Two bottles, and bread if there is any left.' },
    }),
    toggle: (n) => ({ method: 'PATCH', path: `${taskPath(n)}/complete`, token: tokenOf(userTokens, n) }),
    unauthenticated: (n) => ({
      method: 'GET',
      path: taskPath(n),
      ...(n % 2 === 1 && { token: spoilToken(tokenOf(userTokens, n)) }),
    }),
    health: () => ({ method: 'GET', path: '/health' }),
  }
}
