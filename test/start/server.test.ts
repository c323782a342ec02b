import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SECRET } from '../support/api.ts'
import { clientFor } from '../support/client.ts'
import { describeServer, useServer } from '../support/describe-server.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { freePort } from '../support/ports.ts'
import type { PostgresServer } from '../support/postgres.ts'
import { type Service, StartFailed, startService } from '../support/process.ts'
import { runProgram } from '../support/program.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

/** A service on a PostgreSQL server: how it starts, waits, gives up and shares. */

const PATIENCE_MS = 60_000

/** Ends a service by SIGINT, which unlike SIGTERM gives balancers no time to notice. */
const interrupt = (service: Service): Promise<number> => {
  service.signal('SIGINT')
  return service.exited
}

const start = async (env: Record<string, string>): Promise<Service> => {
  const service = await startService({ BETTER_AUTH_SECRET: SECRET, ...env })
  return {
    ...service,
    async [Symbol.asyncDispose]() {
      await interrupt(service)
    },
  }
}

const failedStart = async (env: Record<string, string>): Promise<StartFailed> => {
  try {
    await using service = await start(env)
    // It answered /health before it knew; what counts is how it ends.
    return new StartFailed(await service.exited, service.log)
  } catch (error) {
    if (error instanceof StartFailed) return error
    throw error
  }
}

const statusOf = async (url: string) => (await fetch(url)).status

const waitForLine = (service: Service, text: string): Promise<void> =>
  until(() => service.log.some((line) => line.includes(text)))

/** What every start on a new database must have made, once. */
const schemaOf = (postgres: PostgresServer, url: string) =>
  postgres.psql(
    `select count(*) from todo_backend_migrations;
     select string_agg(tablename, ',' order by tablename) from pg_tables where schemaname = 'public'`,
    new URL(url).pathname.slice(1),
  )

describeServer('a service on a PostgreSQL server', () => {
  let postgres: PostgresServer
  let schema: string
  const directory = useServer((server) => (postgres = server))

  test(
    'says in its first lines the address, the database and where the secret is from, and no credentials',
    async () => {
      const url = await postgres.createDatabase()
      const service = await start({ DATABASE_URL: `${url}?application_name=mine` })
      await service.ready()
      schema = await schemaOf(postgres, url)
      const [address, database, ignored, origin, hint] = service.log
      expect(address).toContain(`listening on http://127.0.0.1:${service.port}`)
      expect(database).toContain(
        `database: PostgreSQL at 127.0.0.1:${postgres.port}, database ${new URL(url).pathname.slice(1)}`,
      )
      expect(ignored).toContain('application_name')
      expect(origin).toContain('token secret: BETTER_AUTH_SECRET')
      expect(hint).toContain('bun run token <user-id>')
      expect(await interrupt(service)).toBe(0)
      const log = service.log.join('\n')
      expect(log).not.toContain(new URL(url).password)
      expect(log).not.toContain(SECRET)
    },
    PATIENCE_MS,
  )

  test(
    'in production logs JSON, makes no secret and tells nobody how to get a token',
    async () => {
      const DATA_DIR = join(directory, 'production')
      const service = await start({
        DATABASE_URL: await postgres.createDatabase(),
        NODE_ENV: 'production',
        DATA_DIR,
      })
      await service.ready()
      expect((await clientFor(service.url, 'alice').create('x')).status).toBe(201)
      expect(await interrupt(service)).toBe(0)
      const lines = service.log.map((line) => JSON.parse(line))
      expect(lines[0]).toMatchObject({ level: 'info', environment: 'production' })
      expect(lines.filter(({ route }) => route === '/api/tasks')).toMatchObject([
        { method: 'POST', status: 201, user_id: 'alice' },
      ])
      expect(service.log.join('\n')).not.toContain('bun run token')
      expect(existsSync(DATA_DIR)).toBe(false)
    },
    PATIENCE_MS,
  )

  test(
    'makes no secret where JWKS_URL is set, and says so',
    async () => {
      const DATA_DIR = join(directory, 'key-set')
      const service = await startService({
        DATABASE_URL: await postgres.createDatabase(),
        JWKS_URL: 'http://127.0.0.1:1/jwks',
        JWT_ISSUER: 'me',
        JWT_AUDIENCE: 'here',
        DATA_DIR,
      })
      await service.ready()
      expect(service.log.join('\n')).toContain('token secret: none; keys come from JWKS_URL')
      expect(existsSync(DATA_DIR)).toBe(false)
      expect(await interrupt(service)).toBe(0)
    },
    PATIENCE_MS,
  )

  test(
    'ends with 1 when the password is wrong, and does not print it',
    async () => {
      const url = postgres.url().replace('only-for-tests', 'wrong-pass-word')
      const { exitCode, log } = await failedStart({ DATABASE_URL: url })
      expect(exitCode).toBe(1)
      expect(log.join('\n')).toContain('The database cannot be used: wrong user or password (28P01)')
      expect(log.join('\n')).not.toContain('wrong-pass-word')
      expect(log.join('\n')).not.toMatch(/\n +at /)
    },
    PATIENCE_MS,
  )

  test(
    'ends with 1 when there is no such database',
    async () => {
      const { exitCode, log } = await failedStart({ DATABASE_URL: postgres.url('nowhere') })
      expect(exitCode).toBe(1)
      expect(log.join('\n')).toContain('The database cannot be used: there is no such database (3D000)')
      expect(log.join('\n')).not.toContain('only-for-tests')
    },
    PATIENCE_MS,
  )

  test(
    'ends with 1 when the user may not make tables',
    async () => {
      const url = await postgres.createDatabase()
      await postgres.psql('create role reader login password $$only-for-tests$$')
      const { exitCode, log } = await failedStart({ DATABASE_URL: url.replace('todo:', 'reader:') })
      expect(exitCode).toBe(1)
      expect(log.join('\n')).toContain(
        'The database cannot be used: permission denied for schema public (42501): what helps: grant usage, create on schema "public" to "reader";',
      )
    },
    PATIENCE_MS,
  )

  test(
    'lives but is not ready while the database cannot be reached, and works when it comes up',
    async () => {
      const DATABASE_URL = await postgres.createDatabase()
      await postgres.stop('fast')
      await using service = await start({ DATABASE_URL })
      await waitForLine(service, 'the database cannot be reached yet, trying for 30 s')
      const alice = clientFor(service.url, 'alice')
      expect(await statusOf(`${service.url}/health`)).toBe(200)
      expect(await statusOf(`${service.url}/health/ready`)).toBe(503)
      const refused = await alice.list()
      expect(refused.status).toBe(503)
      expect(refused.json.code).toBe('unavailable')
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      expect((await alice.create('x')).status).toBe(503)
      expect(await statusOf(`${service.url}/api/tasks`)).toBe(401)

      await postgres.start()
      await service.ready()
      expect((await alice.create('x')).status).toBe(201)
      expect(await interrupt(service)).toBe(0)
    },
    PATIENCE_MS,
  )

  test(
    'with MIGRATE_ON_START=false is not ready before the tables are there',
    async () => {
      const DATABASE_URL = await postgres.createDatabase()
      await using service = await start({ DATABASE_URL, MIGRATE_ON_START: 'false' })
      await waitForLine(service, 'bun run migrate')
      const alice = clientFor(service.url, 'alice')
      expect(await statusOf(`${service.url}/health`)).toBe(200)
      expect(await statusOf(`${service.url}/health/ready`)).toBe(503)
      expect((await alice.list()).status).toBe(503)
      expect((await alice.create('x')).status).toBe(503)

      const migration = await runProgram(['migrate'], { cwd: directory, env: { DATABASE_URL } })
      expect(migration).toMatchObject({ exitCode: 0, stderr: '' })
      expect(migration.stdout).toContain('the tables are up to date')
      expect(await schemaOf(postgres, DATABASE_URL)).toBe(schema)

      expect(await statusOf(`${service.url}/health/ready`)).toBe(200)
      expect((await alice.create('x')).status).toBe(201)
    },
    PATIENCE_MS,
  )

  test('has a db:migrate that ends when it is done, and not after the 30 s in which it would give up', async () => {
    const DATABASE_URL = await postgres.createDatabase()
    for (let round = 0; round < 2; round += 1)
      expect(await runProgram(['migrate'], { cwd: directory, env: { DATABASE_URL } })).toMatchObject({
        exitCode: 0,
        stderr: '',
      })
    expect(await schemaOf(postgres, DATABASE_URL)).toBe(schema)
  }, 25_000)

  test(
    'starts on a database that is read-only and has its tables, and reads',
    async () => {
      const DATABASE_URL = await postgres.createDatabase()
      const first = await start({ DATABASE_URL })
      await first.ready()
      await clientFor(first.url, 'alice').create('from before')
      await interrupt(first)
      const name = new URL(DATABASE_URL).pathname.slice(1)
      await postgres.psql(`alter database "${name}" set default_transaction_read_only = on`)

      await using service = await start({ DATABASE_URL })
      await service.ready()
      const alice = clientFor(service.url, 'alice')
      expect((await alice.list()).json).toMatchObject([{ title: 'from before' }])
      const refused = await alice.create('x')
      expect(refused.status).toBe(503)
      expect(refused.json.code).toBe('unavailable')
      expect(refused.headers.get('retry-after')).not.toBeNull()
    },
    PATIENCE_MS,
  )

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'stops on %s with exit 0, also while it waits for the database',
    async (signal) => {
      const service = await start({ DATABASE_URL: `postgres://app:pw@127.0.0.1:${await freePort()}/todo` })
      await waitForLine(service, 'cannot be reached yet')
      service.signal(signal)
      expect(await service.exited).toBe(0)
    },
    PATIENCE_MS,
  )

  test(
    'stops with exit 0 also when the network to the database has fallen silent',
    async () => {
      const url = await postgres.createDatabase()
      await using proxy = await startTcpProxy({ host: '127.0.0.1', port: postgres.port })
      const service = await start({ DATABASE_URL: proxy.url(url), SHUTDOWN_TIMEOUT_MS: '1000' })
      await service.ready()
      const alice = clientFor(service.url, 'alice')
      await Promise.all(Array.from({ length: 10 }, (_, index) => alice.create(`task ${index}`)))
      proxy.blackHole()
      expect(await interrupt(service)).toBe(0)
      expect(service.log.at(-1)).toContain('stopped')
    },
    PATIENCE_MS,
  )

  /** Starts eight at the same moment and waits until all are ready and have written. */
  const startEight = async (env: Record<string, string>) => {
    const services = await Promise.all(Array.from({ length: 8 }, () => start(env)))
    await Promise.all(services.map((service) => service.ready()))
    const created = await Promise.all(
      services.map((service, index) => clientFor(service.url, 'alice').create(`by ${index}`)),
    )
    expect(created.map(({ status }) => status)).toEqual(Array(8).fill(201))
    const [first] = services
    const titles = first && (await clientFor(first.url, 'alice').listAll()).map(({ title }) => title)
    expect(titles?.sort()).toEqual(Array.from({ length: 8 }, (_, index) => `by ${index}`))
    const exitCodes = await Promise.all(services.map(interrupt))
    expect(exitCodes).toEqual(Array(8).fill(0))
  }

  test(
    'becomes ready with seven others on an empty database, with one schema',
    async () => {
      const url = await postgres.createDatabase()
      await startEight({ DATABASE_URL: url })
      expect(await schemaOf(postgres, url)).toBe(schema)
    },
    PATIENCE_MS,
  )

  if (Bun.which('pgbouncer', { PATH: `${process.env.PATH}:/usr/sbin` }))
    test(
      'becomes ready with seven others behind PgBouncer in transaction mode with two connections',
      async () => {
        const url = await postgres.createDatabase()
        await using bouncer = await startPgBouncer({ upstream: url, poolMode: 'transaction', poolSize: 2 })
        await startEight({ DATABASE_URL: bouncer.url(), DATABASE_PREPARE: 'false' })
        expect(await schemaOf(postgres, url)).toBe(schema)
      },
      PATIENCE_MS,
    )
})
