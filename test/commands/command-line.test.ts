import { afterAll, describe, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import packageJson from '../../package.json'
import { temporaryDirectory } from '../support/cleanup.ts'
import { startHostileServer } from '../support/hostile-server.ts'
import { startService } from '../support/process.ts'
import { runProgram } from '../support/program.ts'

/** Which command, with which arguments. */

const directory = temporaryDirectory('todo-commands')
afterAll(() => directory.remove())

const runWith = (args: string[], env: Record<string, string> = {}) =>
  runProgram(args, { cwd: directory.path, env })

/** With which no command could be run. */
const BROKEN = {
  DATABASE_URL: 'no url',
  PORT: '8000',
  ENVIRONMENT: 'nowhere',
  PGTARGETSESSIONATTRS: 'broken',
}

describe('--help and --version', () => {
  test.each([[['--help']], [['-h']], [['token', '--help']], [['import', '--help', '--apply']]])(
    'print the usage, whatever the configuration is: %j',
    async (args) => {
      const { exitCode, stdout, stderr } = await runWith(args, BROKEN)
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      for (const name of ['migrate', 'health', 'token <user-id>', 'import <source>', 'erase <user-id>'])
        expect(stdout).toContain(`  ${name} `)
    },
  )

  test('print our version, that of Bun and the newest migration', async () => {
    const { exitCode, stdout, stderr } = await runWith(['--version'], BROKEN)
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    const newest = (await readdir('src/db/migrations'))
      .filter((name) => name.endsWith('.sql'))
      .sort()
      .at(-1)
    expect(stdout).toBe(
      `todo-backend ${packageJson.version} (Bun ${Bun.version}, newest migration ${newest?.replace('.sql', '')})\n`,
    )
  })

  test('make nothing', async () => {
    expect(await readdir(directory.path)).toEqual([])
  })
})

describe('what is not understood', () => {
  test.each([
    [['frobnicate'], 'There is no command "frobnicate"'],
    [['constructor'], 'There is no command "constructor"'],
    [['serve'], 'There is no command "serve"'],
    [['--frobnicate'], '--frobnicate'],
    [['--apply'], '--apply does not go with serving'],
    [['migrate', '--apply'], '--apply does not go with "migrate"'],
    [['migrate', 'now'], '"now" is one argument too many for "migrate"'],
    [['--health', '--migrate'], '"migrate" is one argument too many for "health"'],
    [['token'], '"token" needs a <user-id>'],
    [['token', 'alice', 'bob'], '"bob" is one argument too many for "token"'],
  ])('ends with 2 and the usage on standard error: %j', async (args, message) => {
    const { exitCode, stdout, stderr } = await runWith(args)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).toContain('usage: ')
    expect(await readdir(directory.path)).toEqual([])
  })
})

describe('health', () => {
  test('needs no more of the configuration than HOST and PORT', async () => {
    await using service = await startService({})
    const env = { ...BROKEN, HOST: '127.0.0.1', PORT: String(service.port) }
    for (const command of ['health', '--health'])
      expect(await runWith([command], env)).toMatchObject({ exitCode: 0, output: '' })
  })

  test('says when it is not healthy, and when PORT is none', async () => {
    const unhealthy = await runWith(['health'], { ...BROKEN, PORT: '1' })
    expect(unhealthy).toMatchObject({ exitCode: 1, stdout: '' })
    expect(unhealthy.stderr).toContain('no healthy service')
    expect(unhealthy.stderr).toContain('http://127.0.0.1:1/health')
    const { exitCode, stderr } = await runWith(['health'], { PORT: 'none' })
    expect(exitCode).toBe(1)
    expect(stderr).toContain('PORT must be a whole number')
  })

  test('does not wait for a service that takes the connection and says nothing', async () => {
    await using server = await startHostileServer([])
    const { exitCode, stderr } = await runWith(['health'], { PORT: new URL(server.url()).port })
    expect(exitCode).toBe(1)
    expect(stderr).toContain('no healthy service')
  }, 30_000)
})

describe('package scripts', () => {
  test('are there for each command', () => {
    for (const name of ['migrate', 'health', 'token', 'import', 'erase'] as const)
      expect(packageJson.scripts[name]).toEndWith(` src/main.ts ${name}`)
    expect(packageJson.scripts['db:migrate']).toBe(packageJson.scripts.migrate)
  })
})
