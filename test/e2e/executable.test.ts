import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/cleanup.ts'
import { findPostgres, startPostgres } from '../support/postgres.ts'
import { startService } from '../support/process.ts'
import { run } from '../support/run.ts'
import { signToken } from '../support/token.ts'

const SECRET = 'a-secret-that-only-the-tests-know-0123456789'
const repository = join(import.meta.dir, '..', '..')
const directory = temporaryDirectory('todo-executable')
const executable = join(directory.path, 'todo-backend')
const environment = { BETTER_AUTH_SECRET: SECRET, ENVIRONMENT: 'test' }

/** Runs it to its end, as a container's health check would. */
const exitCodeOf = (args: string[], env: Record<string, string>) =>
  Bun.spawn([executable, ...args], { cwd: directory.path, env, stdout: 'ignore', stderr: 'ignore' }).exited

beforeAll(async () => {
  await run([process.execPath, 'run', 'build'], { cwd: repository })
  await copyFile(join(repository, 'dist', 'todo-backend'), executable)
}, 120_000)

afterAll(() => directory.remove())

/** Makes a task, and looks at the documentation with all that it loads. */
const tryOut = async (url: string) => {
  const token = signToken({ sub: 'ada', exp: Math.floor(Date.now() / 1000) + 600 }, SECRET)
  const created = await fetch(`${url}/api/tasks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"title":"Buy milk"}',
  })
  expect(created.status).toBe(201)
  const page = await (await fetch(`${url}/docs`)).text()
  const paths = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path)
  expect(paths).toHaveLength(6)
  for (const path of paths) expect((await fetch(url + path)).status).toBe(200)
}

describe('the executable, alone in its directory', () => {
  test('is one file', async () => {
    expect(await readdir(directory.path)).toEqual(['todo-backend'])
  })

  test('serves tasks from the embedded database, also after a restart, and the documentation', async () => {
    const data = temporaryDirectory('todo-data')
    const env = { ...environment, DATA_DIR: data.path, PATH: '' }
    for (const _ of [1, 2]) {
      await using service = await startService(env, { command: [executable] })
      await service.ready()
      await tryOut(service.url)
      expect(await exitCodeOf(['--health'], { ...env, PORT: String(service.port) })).toBe(0)
    }
    await data.remove()
  })

  test('makes the tables on a PostgreSQL server, at its start or by itself before that', async () => {
    if (!findPostgres()) throw new Error("PostgreSQL's server is not installed")
    await using server = await startPostgres()
    for (const isBefore of [false, true]) {
      const env = {
        ...environment,
        DATABASE_URL: await server.createDatabase(),
        MIGRATE_ON_START: String(!isBefore),
      }
      if (isBefore) expect(await exitCodeOf(['--migrate'], env)).toBe(0)
      await using service = await startService(env, { command: [executable] })
      await service.ready()
      await tryOut(service.url)
    }
  })

  test('says that a service is not alive, and refuses what it does not know', async () => {
    expect(await exitCodeOf(['--health'], { ...environment, PORT: '1' })).toBe(1)
    expect(await exitCodeOf(['--nonsense'], environment)).toBe(2)
  })

  test('names itself, as it was started, in what there is to type', async () => {
    const child = Bun.spawn(['./todo-backend', '--help'], { cwd: directory.path, env: {}, stdout: 'pipe' })
    expect(await child.stdout.text()).toContain('$(./todo-backend token alice)')
    expect(await child.exited).toBe(0)
  })

  test('runs nothing of a bunfig.toml where it starts, and of the files with settings reads only .env', async () => {
    const place = temporaryDirectory('todo-place')
    const write = (name: string, text: string) => Bun.write(join(place.path, name), text)
    await write('bunfig.toml', 'preload = ["./preload.ts"]')
    await write('preload.ts', 'await Bun.write("preloaded", "")')
    await write('.env', `BETTER_AUTH_SECRET=${SECRET}`)
    for (const name of ['.env.local', '.env.development', '.env.production'])
      await write(name, 'PORT=nonsense')
    const data = join(place.path, 'data')
    const command = ['sh', '-c', 'cd "$1" && exec "$2"', 'sh', place.path, executable]
    await using service = await startService({ DATA_DIR: data }, { command })
    const lines = service.log.slice(0, 5).join('\n')
    expect(lines).toContain('settings: also from .env\n')
    expect(lines).toContain('token secret: BETTER_AUTH_SECRET')
    expect((await readdir(place.path)).includes('preloaded')).toBe(false)
    await service.stop()
    await place.remove()
  })
})
