import { afterAll, describe, expect, test } from 'bun:test'
import { chmod, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/cleanup.ts'
import { clientOf } from '../support/client.ts'
import { freePort } from '../support/ports.ts'
import { type Service, StartFailed, startService } from '../support/process.ts'
import { runProgram } from '../support/program.ts'

/** A service with nothing configured: the embedded database and a secret of its own. */

const directory = temporaryDirectory('todo-embedded')
afterAll(() => directory.remove())
const DATA_DIR = join(directory.path, 'data')
const secretFile = join(DATA_DIR, 'secret')

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

const makeToken = async (userId: string): Promise<string> => {
  const { exitCode, stdout } = await runProgram(['token', userId], { cwd: directory.path, env: { DATA_DIR } })
  expect(exitCode).toBe(0)
  return stdout.trim()
}

/** A start that must fail. */
const failedStart = async (env: Record<string, string>): Promise<StartFailed> => {
  try {
    await using service = await startService(env)
    throw new Error(`The service started: ${service.log.join('\n')}`)
  } catch (error) {
    if (error instanceof StartFailed) return error
    throw error
  }
}

const PATIENCE_MS = 120_000

// One directory and one user through all of it, in this order.
let service: Service
let token: string
let secret: string

describe('the first start with nothing configured', () => {
  test(
    'becomes ready',
    async () => {
      service = await startService({ DATA_DIR })
      await service.ready()
    },
    PATIENCE_MS,
  )

  test('says in its first lines the address, the database, where the secret is from and how to get a token', () => {
    const [address, database, origin, hint] = service.log
    const url = `http://127.0.0.1:${service.port}`
    expect(address).toContain(`listening on ${url} docs=${url}/docs `)
    expect(database).toContain(`database: embedded PostgreSQL in ${DATA_DIR}`)
    expect(origin).toContain(`token secret: generated, kept in ${secretFile}`)
    expect(hint).toContain('bun run token <user-id>')
  })

  test('keeps a random secret that nobody else may read', async () => {
    secret = await readFile(secretFile, 'utf8')
    expect(secret).toMatch(/^[0-9a-f]{64}$/)
    expect(await modeOf(secretFile)).toBe(0o600)
    expect(await modeOf(DATA_DIR)).toBe(0o700)
    expect((await readdir(DATA_DIR)).filter((name) => name.startsWith('secret'))).toEqual(['secret'])
    expect(service.log.join('\n')).not.toContain(secret)
  })

  test(
    'takes a token of `bun run token`',
    async () => {
      token = await makeToken('alice')
      const client = clientOf(service.url, token)
      expect((await client.create('kept over a restart')).status).toBe(201)
      expect((await client.list()).json).toMatchObject([{ user_id: 'alice', title: 'kept over a restart' }])
    },
    PATIENCE_MS,
  )
})

describe('a second process', () => {
  test(
    'on the same directory is refused with a clear message, and does the first no harm',
    async () => {
      const { exitCode, log } = await failedStart({ DATA_DIR })
      expect(exitCode).toBe(1)
      expect(log.join('\n')).toContain(`${DATA_DIR} is in use by another process`)
      expect(log.join('\n')).not.toMatch(/\n +at /)
      const migration = await runProgram(['migrate'], { cwd: directory.path, env: { DATA_DIR } })
      expect(migration.exitCode).toBe(1)
      expect(migration.output).toContain(`${DATA_DIR} is in use by another process`)
      expect((await clientOf(service.url, token).list()).json).toHaveLength(1)
    },
    PATIENCE_MS,
  )

  test(
    'on the same port is refused with a clear message',
    async () => {
      const { exitCode, output } = await runProgram([], {
        cwd: directory.path,
        env: { DATA_DIR: join(directory.path, 'other'), HOST: '127.0.0.1', PORT: String(service.port) },
      })
      expect(exitCode).toBe(1)
      expect(output).toMatch(new RegExp(`port ${service.port}.* in use`))
      expect(output).not.toContain('listening on')
      expect(output).not.toMatch(/\n +at /)
    },
    PATIENCE_MS,
  )
})

describe('a restart', () => {
  test(
    'keeps tasks and tokens',
    async () => {
      expect(await service.stop()).toBe(0)
      expect(service.log.find((line) => line.includes('route=/api/tasks'))).toMatch(
        /^\d\d:\d\d:\d\d\.\d{3} INFO {2}request method=POST route=\/api\/tasks status=201 /,
      )
      service = await startService({ DATA_DIR })
      await service.ready()
      const client = clientOf(service.url, token)
      expect((await client.list()).json).toMatchObject([{ id: 1, title: 'kept over a restart' }])
      expect((await client.create('the next id')).json.id).toBe(2)
      expect(await readFile(secretFile, 'utf8')).toBe(secret)
    },
    PATIENCE_MS,
  )

  test(
    'after kill -9 under load finds every write that was acknowledged, and no lock in its way',
    async () => {
      const client = clientOf(service.url, token)
      const acknowledged: number[] = []
      const write = async (writer: number) => {
        for (let index = 0; ; index += 1) {
          const answer = await client.create(`${writer}/${index}`).catch(() => undefined)
          if (answer?.status !== 201) return
          acknowledged.push(answer.json.id)
          if (acknowledged.length === 300) service.signal('SIGKILL')
        }
      }
      await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)))
      expect(await service.exited).toBe(137)
      expect(acknowledged.length).toBeGreaterThanOrEqual(300)

      service = await startService({ DATA_DIR })
      await service.ready()
      const found = new Set((await clientOf(service.url, token).listAll()).map(({ id }) => id))
      expect(acknowledged.filter((id) => !found.has(id))).toEqual([])
    },
    PATIENCE_MS,
  )

  test(
    'repairs the mode of a directory that others could read',
    async () => {
      await service.stop()
      await chmod(DATA_DIR, 0o755)
      service = await startService({ DATA_DIR })
      expect(await modeOf(DATA_DIR)).toBe(0o700)
      await service.stop()
    },
    PATIENCE_MS,
  )
})

describe('a secret file', () => {
  test.each([0, 31])(
    'that holds only %d characters is refused: anybody could make tokens',
    async (length) => {
      await truncate(secretFile, length)
      const { exitCode, log } = await failedStart({ DATA_DIR })
      expect(exitCode).toBe(1)
      expect(log.join('\n')).toContain(`${secretFile} holds no secret`)
      expect(log.join('\n')).not.toMatch(/\n +at /)
      const token = await runProgram(['token', 'x'], { cwd: directory.path, env: { DATA_DIR } })
      expect(token).toMatchObject({ exitCode: 1, stdout: '' })
      expect(token.stderr).toBe(`${secretFile} holds no secret: delete it for a new one\n`)
      await writeFile(secretFile, secret)
    },
    PATIENCE_MS,
  )
})

describe('a stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s is clean: exit 0',
    async (signal) => {
      const stopping = await startService({ DATA_DIR, PORT: String(await freePort()) })
      await stopping.ready()
      stopping.signal(signal)
      expect(await stopping.exited).toBe(0)
      expect(stopping.log.at(-1)).toContain('stopped')
    },
    PATIENCE_MS,
  )

  test(
    'while the database is still being made is clean as well, and the next start makes it',
    async () => {
      const env = { DATA_DIR: join(directory.path, 'interrupted') }
      const stopping = await startService(env)
      stopping.signal('SIGTERM')
      expect(await stopping.exited).toBe(0)
      const again = await startService(env)
      await again.ready()
      expect(await again.stop()).toBe(0)
    },
    PATIENCE_MS,
  )
})

describe('the lock', () => {
  test(
    'deleted while the service runs stops it with a clear line, and a second one starts after that',
    async () => {
      const first = await startService({ DATA_DIR })
      await first.ready()
      await rm(join(DATA_DIR, 'lock'))
      await using second = await startService({ DATA_DIR })
      expect(await first.exited).toBe(1)
      expect(first.log.at(-1)).toContain(`${join(DATA_DIR, 'lock')} was deleted or replaced`)
      await second.ready()
    },
    PATIENCE_MS,
  )
})
