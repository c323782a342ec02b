import { deepStrictEqual, match, ok } from 'node:assert/strict'
import type { Sql } from 'postgres'
import type { BenchRequest, Operation, OperationName } from './operations.ts'
import { type RunningServer, tableOf } from './servers.ts'

interface Answer {
  status: number
  /** Undefined when the answer does not say that it is JSON, as a framework's own 401 may not. */
  body: unknown
}

interface TaskTable {
  sql: Sql
  /** The table that the server keeps its tasks in. */
  table: string
}

interface Probe extends TaskTable {
  request: BenchRequest
  send: (request: BenchRequest) => Promise<Answer>
}

/** Which request of each kind is tried: any will do. */
const PROBED = 41
const ISO_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/

/**
 * Sends one request of a kind and compares the whole answer with what the database holds: the same fields
 * and no others, the same values, times to the millisecond. Throws with the server and what differs.
 */
export async function probe(
  server: RunningServer,
  name: OperationName,
  operation: Operation,
  sql: Sql,
): Promise<void> {
  try {
    await probes[name]({
      request: operation(PROBED),
      send: (request) => send(server.url, request),
      sql,
      table: tableOf(server.name),
    })
  } catch (error) {
    throw new Error(`${server.label} gives a wrong answer to ${name}`, { cause: error })
  }
}

async function probeGet({ request, send, ...tasks }: Probe): Promise<void> {
  const { status, body } = await send(request)
  deepStrictEqual(
    { status, task: readTask(body) },
    { status: 200, task: await findTask(tasks, taskIdOf(request)) },
  )
}

const probes: Record<OperationName, (probe: Probe) => Promise<void>> = {
  get: probeGet,
  getCold: probeGet,

  async list({ request, send, ...tasks }) {
    const { status, body } = await send(request)
    const given = Array.isArray(body) ? body.map(readTask) : body
    const expected = await selectTasks(tasks, tasks.sql`user_id = ${subjectOf(request)}`)
    deepStrictEqual({ status, given }, { status: 200, given: expected })
  },

  async create({ request, send, ...tasks }) {
    const { status, body } = await send(request)
    const task = readTask(body)
    const { title, description, completed } = task
    deepStrictEqual(
      { status, title, description, completed },
      { status: 201, ...request.body, completed: false },
    )
    deepStrictEqual(task, await findTask(tasks, task.id as number))
  },

  async toggle({ request, send, ...tasks }) {
    const before = await findTask(tasks, taskIdOf(request))
    const { status, body } = await send(request)
    const task = readTask(body)
    deepStrictEqual({ status, completed: task.completed }, { status: 200, completed: !before.completed })
    deepStrictEqual(task, await findTask(tasks, taskIdOf(request)))
  },

  async unauthenticated({ request, send }) {
    deepStrictEqual((await send(request)).status, 401)
    const { token: _token, ...withoutToken } = request
    deepStrictEqual((await send(withoutToken)).status, 401)
  },

  async health({ request, send }) {
    const { status, body } = await send(request)
    deepStrictEqual(status, 200)
    const { status: state, version, uptime_s: uptime, ...rest } = body as Record<string, unknown>
    deepStrictEqual([state, typeof version, typeof uptime, rest], ['ok', 'string', 'number', {}])
  },
}

async function send(url: string, { method, path, token, body }: BenchRequest): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(body && { 'Content-Type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return { status: response.status, body: isJson ? JSON.parse(text) : undefined }
}

/** The user of a request's token. */
function subjectOf({ token = '' }: BenchRequest): string {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sub
}

const taskIdOf = ({ path }: BenchRequest) => Number(/\/(\d+)/.exec(path)?.[1])

/** A task from an answer, its times made comparable. */
function readTask(body: unknown): Record<string, unknown> {
  const task = body as Record<string, unknown>
  const { created_at: created, updated_at: updated } = task
  for (const time of [created, updated]) match(String(time), ISO_UTC)
  return { ...task, created_at: Date.parse(String(created)), updated_at: Date.parse(String(updated)) }
}

/** A task from the database, its times made comparable. */
async function findTask(tasks: TaskTable, id: number) {
  const [task] = await selectTasks(tasks, tasks.sql`id = ${id}`)
  ok(task, `there is no task ${id}`)
  return task
}

async function selectTasks(
  { sql, table }: TaskTable,
  condition: ReturnType<Sql>,
): Promise<Record<string, unknown>[]> {
  const rows = await sql`
    select id, user_id, title, description, status, status = 'completed' as completed, created_at, updated_at
    from ${sql(table)} where ${condition} order by id desc`
  return rows.map((row) => ({
    ...row,
    id: Number(row.id),
    created_at: row.created_at.getTime(),
    updated_at: row.updated_at.getTime(),
  }))
}
