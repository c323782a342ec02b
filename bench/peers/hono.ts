/** Hono on Bun as its documentation shows it: the jwt middleware, zod validators, `c.json`. */
import { zValidator } from '@hono/zod-validator'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { type JwtVariables, jwt } from 'hono/jwt'
import { z } from 'zod'
import { environment } from './environment.ts'
import { openTasks } from './tasks.ts'

const { databaseUrl, secret, hostname, port } = environment
const tasks = openTasks(databaseUrl)

const TaskParams = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })
const TaskCreate = z.object({
  title: z.string().trim().min(1).max(200),
  description: z.string().max(10_000).nullable().default(null),
  status: z.enum(['pending', 'in_progress', 'completed']).default('pending'),
})

const app = new Hono<{ Variables: JwtVariables<{ sub: string }> }>()

app.get('/health', (c) => c.json({ status: 'ok', version: '1.0.0', uptime_s: Math.floor(process.uptime()) }))

app.use('/api/*', jwt({ secret, alg: 'HS256' }))

app.get('/api/tasks', async (c) => c.json(await tasks.list(c.get('jwtPayload').sub)))

app.post('/api/tasks', bodyLimit({ maxSize: 65_536 }), zValidator('json', TaskCreate), async (c) => {
  const task = await tasks.create(c.get('jwtPayload').sub, c.req.valid('json'))
  return c.json(task, 201, { Location: `/api/tasks/${task.id}` })
})

app.get('/api/tasks/:id', zValidator('param', TaskParams), async (c) => {
  const task = await tasks.find(c.get('jwtPayload').sub, c.req.valid('param').id)
  if (!task) throw new HTTPException(404, { message: 'Task not found' })
  return c.json(task)
})

app.patch('/api/tasks/:id/complete', zValidator('param', TaskParams), async (c) => {
  const task = await tasks.toggle(c.get('jwtPayload').sub, c.req.valid('param').id)
  if (!task) throw new HTTPException(404, { message: 'Task not found' })
  return c.json(task)
})

export default { hostname, port, fetch: app.fetch }
