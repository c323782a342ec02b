import { deepStrictEqual, ok } from 'node:assert/strict'
import { type DataSet, HEAVY_USER } from '../support/data-set.ts'
import type { BenchRequest } from '../support/operations.ts'
import { signToken } from '../support/tokens.ts'
import type { ServedTable } from './table.ts'

/** What is asked of a table of every size, always by the user with the most tasks. */
export const SHAPES = ['get', 'page 1', 'page 100', 'completed', 'in progress'] as const
export type Shape = (typeof SHAPES)[number]

const PAGE = 20
/** How many different tasks `get` asks for, all over the table. */
const GETS = 20_000
/** Prime to every number of tasks used, so that the steps visit different tasks. */
const STRIDE = 7919

/**
 * The requests of one shape. Throws when the pages on the way to the hundredth are not full, in order and
 * without repetition.
 */
export async function listShape(shape: Shape, table: ServedTable, secret: string): Promise<BenchRequest[]> {
  const token = signToken(HEAVY_USER, secret)
  const get = (path: string): BenchRequest => ({ method: 'GET', path, token })
  const firstPage = `/api/tasks?limit=${PAGE}`
  switch (shape) {
    case 'get':
      return Array.from({ length: GETS }, (_, n) =>
        get(`/api/tasks/${heavyTaskId(table.dataSet, n * STRIDE)}`),
      )
    case 'page 1':
      return [get(firstPage)]
    case 'page 100':
      return [get(await findPage(table.server.url, firstPage, token, 100))]
    case 'completed':
      return [get(`${firstPage}&status=completed`)]
    case 'in progress':
      return [get(`${firstPage}&status=in_progress`)]
  }
}

/** The id of a task of the heavy user, n from 0 and beyond their number. See `seedTasks`. */
const heavyTaskId = ({ tasks, heavyTasks }: DataSet, n: number) =>
  Math.ceil((((n % heavyTasks) + 1) * tasks) / heavyTasks)

/** The path of a page, found as a client finds it: by following `Link` with `rel="next"`. */
async function findPage(url: string, firstPage: string, token: string, number: number): Promise<string> {
  let path = firstPage
  let last = Number.POSITIVE_INFINITY
  for (let page = 1; page < number; page++) {
    const response = await fetch(url + path, { headers: { Authorization: `Bearer ${token}` } })
    ok(response.ok, `page ${page} is answered ${response.status}`)
    const ids = ((await response.json()) as { id: number }[]).map(({ id }) => id)
    deepStrictEqual(
      ids,
      [...new Set(ids)].toSorted((a, b) => b - a),
      `page ${page} is not in order`,
    )
    ok(ids.length === PAGE && (ids[0] ?? 0) < last, `page ${page} is not full, or repeats the one before`)
    last = ids.at(-1) ?? 0
    const next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
    ok(next, `page ${page} has no next one`)
    path = next
  }
  return path
}
