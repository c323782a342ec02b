/**
 * The floor: what a competent person writes by hand on the same runtime and driver, with no framework.
 * Bun's own router, one HMAC per request, postgres.js (with `--bun-sql` Bun's own driver) with its own `Date`s,
 * `Response.json`, and a table with one index and no checks. It checks what production code must check, and logs,
 * measures and caches nothing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { environment } from './environment.ts'
import type { NewTask, Task } from './tasks.ts'

const { databaseUrl, secret, hostname, port } = environment
const driver = process.argv.includes('--bun-sql') ? './bun-sql-tasks.ts' : './tasks.ts'
const { openTasks }: typeof import('./tasks.ts') = await import(driver)
const tasks = openTasks(databaseUrl)

class HttpError extends Error {
  readonly status: number

  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }
}

const unauthorized = (detail: string) =>
  Response.json({ detail }, { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } })

/** The token's subject, or the 401 to answer unless it is an unexpired HS256 token signed with the secret. */
function authenticate(request: Request): string | Response {
  const header = request.headers.get('authorization')
  if (!header?.startsWith('Bearer ')) return unauthorized('Missing bearer token')
  const [head, payload, signature, ...rest] = header.slice(7).split('.')
  if (!head || !payload || !signature || rest.length > 0) return unauthorized('Invalid token')

  const expected = createHmac('sha256', secret).update(`${head}.${payload}`).digest()
  const given = Buffer.from(signature, 'base64url')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return unauthorized('Invalid token')
  }
  if (JSON.parse(Buffer.from(head, 'base64url').toString()).alg !== 'HS256') {
    return unauthorized('Invalid token')
  }
  const { sub, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString())
  if (typeof exp !== 'number' || exp * 1000 <= Date.now()) return unauthorized('Token expired')
  if (typeof sub !== 'string' || sub === '') return unauthorized('Invalid token')
  return sub
}

/** A handler that runs only for a valid token, with the token's user. */
function protect<Path extends string>(
  handle: (request: Bun.BunRequest<Path>, userId: string) => Promise<Response>,
) {
  return (request: Bun.BunRequest<Path>) => {
    const subject = authenticate(request)
    return subject instanceof Response ? subject : handle(request, subject)
  }
}

function parseTaskId(text: string): number {
  const id = Number(text)
  if (!/^[1-9]\d{0,15}$/.test(text) || !Number.isSafeInteger(id)) {
    throw new HttpError(400, 'task_id must be a positive integer')
  }
  return id
}

async function parseNewTask(request: Request): Promise<NewTask> {
  const body: unknown = await request.json().catch(() => {
    throw new HttpError(400, 'body must be JSON')
  })
  if (typeof body !== 'object' || body === null) throw new HttpError(400, 'body must be an object')

  const { title, description = null, status = 'pending' }: Record<string, unknown> = { ...body }
  const trimmed = typeof title === 'string' ? title.trim() : ''
  if (trimmed.length < 1 || trimmed.length > 200)
    throw new HttpError(400, 'title must have 1 to 200 characters')
  if (description !== null && (typeof description !== 'string' || description.length > 10_000)) {
    throw new HttpError(400, 'description must have at most 10000 characters')
  }
  if (status !== 'pending' && status !== 'in_progress' && status !== 'completed') {
    throw new HttpError(400, 'status must be pending, in_progress or completed')
  }
  return { title: trimmed, description, status }
}

function replyWithTask(task: Task | undefined): Response {
  return task ? Response.json(task) : Response.json({ detail: 'Task not found' }, { status: 404 })
}

const server = Bun.serve({
  hostname,
  port,
  maxRequestBodySize: 65_536,
  routes: {
    '/health': {
      GET: () => Response.json({ status: 'ok', version: '1.0.0', uptime_s: Math.floor(process.uptime()) }),
    },
    '/api/tasks': {
      GET: protect(async (_request, userId) => Response.json(await tasks.list(userId))),
      POST: protect(async (request, userId) => {
        const task = await tasks.create(userId, await parseNewTask(request))
        return Response.json(task, { status: 201, headers: { Location: `/api/tasks/${task.id}` } })
      }),
    },
    '/api/tasks/:id': {
      GET: protect<'/api/tasks/:id'>(async (request, userId) =>
        replyWithTask(await tasks.find(userId, parseTaskId(request.params.id))),
      ),
    },
    '/api/tasks/:id/complete': {
      PATCH: protect<'/api/tasks/:id/complete'>(async (request, userId) =>
        replyWithTask(await tasks.toggle(userId, parseTaskId(request.params.id))),
      ),
    },
  },
  fetch: () => Response.json({ detail: 'Not Found' }, { status: 404 }),
  error(error) {
    if (error instanceof HttpError) return Response.json({ detail: error.message }, { status: error.status })
    console.error(error)
    return Response.json({ detail: 'Internal Server Error' }, { status: 500 })
  },
})

process.once('SIGTERM', async () => {
  await server.stop()
  await tasks.close()
})
