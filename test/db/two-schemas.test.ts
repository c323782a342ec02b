import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SECRET } from '../support/api.ts'
import { clientFor } from '../support/client.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type Service, startService } from '../support/process.ts'

/** Two services in two schemas of one database. */

interface Reply {
  status: number
  json: { id?: number; access_token?: string }
}

const PATIENCE_MS = 60_000
const CREDENTIALS = { email: 'ada@example.com', password: 'correct horse battery staple' }

describe.if(findPostgres() !== null)('two services in two schemas of one database', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  }, PATIENCE_MS)
  afterAll(() => server.remove())

  const start = (schema: string, env: Record<string, string>): Promise<Service> =>
    startService({ DATABASE_SCHEMA: schema, BETTER_AUTH_SECRET: SECRET, ...env })

  /** What one service must do as if there were no other. */
  const use = async ({ url }: Service, title: string) => {
    const ada = clientFor(url, 'ada')
    const post = async (
      path: string,
      body: unknown,
      headers: Record<string, string> = {},
    ): Promise<Reply> => {
      const answer = await fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
      return { status: answer.status, json: (await answer.json()) as Reply['json'] }
    }
    const signedUp = await post('/api/auth/signup', CREDENTIALS)
    const loggedIn = await post('/api/auth/login', CREDENTIALS)
    const { json: task } = await ada.create(title)
    const headers = { authorization: `Bearer ${loggedIn.json.access_token}`, 'idempotency-key': 'one' }
    const keyed = () => post('/api/tasks', { title: `${title}, keyed` }, headers)
    const [first, again] = [await keyed(), await keyed()]
    const toggled = await ada.send('PATCH', `/api/tasks/${task.id}/complete`)
    return {
      signedUp: signedUp.status,
      loggedIn: loggedIn.status,
      id: task.id,
      isSame: first.json.id === again.json.id,
      toggled: toggled.json.completed,
      titles: (await ada.listAll()).map((one) => one.title),
      removed: (await ada.send('DELETE', `/api/tasks/${task.id}`)).status,
    }
  }

  const alone = (title: string) => ({
    signedUp: 201,
    loggedIn: 200,
    id: 1,
    isSame: true,
    toggled: true,
    titles: [title],
    removed: 204,
  })

  test(
    'do not see each other, directly and through a pooler in transaction mode, at the same time',
    async () => {
      const name = `two_${crypto.randomUUID().replaceAll('-', '')}`
      const DATABASE_URL = await server.createDatabase(name)
      await using pooler = await startPgBouncer({ upstream: DATABASE_URL, poolSize: 2 })
      await using one = await start('a', { DATABASE_URL })
      await using other = await start('B-2', { DATABASE_URL: pooler.url(), DATABASE_PREPARE: 'false' })
      await Promise.all([one.ready(), other.ready()])
      const [ofOne, ofOther] = await Promise.all([use(one, 'of a'), use(other, 'of b')])
      expect(ofOne).toEqual(alone('of a'))
      expect(ofOther).toEqual(alone('of b'))

      await server.psql('drop schema a cascade', name)
      expect((await fetch(`${one.url}/health/ready`)).status).toBe(503)
      expect((await fetch(`${other.url}/health/ready`)).status).toBe(200)
      expect(await server.psql("select count(*) from pg_tables where schemaname = 'public'", name)).toBe('0')
    },
    PATIENCE_MS,
  )

  test(
    'a schema that is there needs no right to make one, and one that is not is made',
    async () => {
      const DATABASE_URL = await server.createDatabase()
      const name = new URL(DATABASE_URL).pathname.slice(1)
      await server.psql(
        `create schema theirs authorization todo; alter database ${name} owner to postgres`,
        name,
      )
      await using service = await start('theirs', { DATABASE_URL })
      await service.ready()
      expect((await clientFor(service.url, 'ada').create('x')).status).toBe(201)
    },
    PATIENCE_MS,
  )
})
