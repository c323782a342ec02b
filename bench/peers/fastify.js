/** Fastify on Node as its documentation shows it: a schema per route, @fastify/jwt, a pg pool. */
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import pg from 'pg'

const { DATABASE_URL, BETTER_AUTH_SECRET, HOST = '127.0.0.1', PORT } = process.env
const COLUMNS =
  "id, user_id, title, description, status, status = 'completed' as completed, created_at, updated_at"
const INT8_OID = 20

pg.types.setTypeParser(INT8_OID, Number)
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 })

/** A named query, which pg prepares once per connection; the text alone would be parsed on every call. */
async function query(name, text, values) {
  const { rows } = await pool.query({ name, text, values })
  return rows
}

const Task = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    user_id: { type: 'string' },
    title: { type: 'string' },
    description: { type: 'string', nullable: true },
    status: { type: 'string' },
    completed: { type: 'boolean' },
    created_at: { type: 'string', format: 'date-time' },
    updated_at: { type: 'string', format: 'date-time' },
  },
}
const TaskParams = {
  type: 'object',
  properties: { id: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } },
}
const TaskCreate = {
  type: 'object',
  required: ['title'],
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 200, pattern: '\\S' },
    description: { type: 'string', nullable: true, maxLength: 10_000, default: null },
    status: { type: 'string', enum: ['pending', 'in_progress', 'completed'], default: 'pending' },
  },
}
const Health = {
  type: 'object',
  properties: { status: { type: 'string' }, version: { type: 'string' }, uptime_s: { type: 'integer' } },
}

const app = Fastify({ logger: false, bodyLimit: 65_536 })
app.register(fastifyJwt, { secret: BETTER_AUTH_SECRET, verify: { algorithms: ['HS256'] } })

app.get('/health', { schema: { response: { 200: Health } } }, async () => ({
  status: 'ok',
  version: '1.0.0',
  uptime_s: Math.floor(process.uptime()),
}))

app.register(
  async (tasks) => {
    tasks.addHook('onRequest', (request) => request.jwtVerify())

    tasks.get('/', { schema: { response: { 200: { type: 'array', items: Task } } } }, (request) =>
      query('list', `select ${COLUMNS} from lean_tasks where user_id = $1 order by id desc limit 1000`, [
        request.user.sub,
      ]),
    )

    tasks.post('/', { schema: { body: TaskCreate, response: { 201: Task } } }, async (request, reply) => {
      const { title, description, status } = request.body
      const [task] = await query(
        'create',
        `insert into lean_tasks (user_id, title, description, status) values ($1, $2, $3, $4) returning ${COLUMNS}`,
        [request.user.sub, title.trim(), description, status],
      )
      reply.code(201).header('Location', `/api/tasks/${task.id}`)
      return task
    })

    tasks.get('/:id', { schema: { params: TaskParams, response: { 200: Task } } }, async (request, reply) => {
      const [task] = await query('find', `select ${COLUMNS} from lean_tasks where id = $1 and user_id = $2`, [
        request.params.id,
        request.user.sub,
      ])
      return task ?? reply.code(404).send({ detail: 'Task not found' })
    })

    tasks.patch(
      '/:id/complete',
      { schema: { params: TaskParams, response: { 200: Task } } },
      async (request, reply) => {
        const [task] = await query(
          'toggle',
          `update lean_tasks
           set status = case status when 'completed' then 'pending' else 'completed' end, updated_at = now()
           where id = $1 and user_id = $2 returning ${COLUMNS}`,
          [request.params.id, request.user.sub],
        )
        return task ?? reply.code(404).send({ detail: 'Task not found' })
      },
    )
  },
  { prefix: '/api/tasks' },
)

await app.listen({ host: HOST, port: Number(PORT) })

process.once('SIGTERM', async () => {
  await app.close()
  await pool.end()
})
