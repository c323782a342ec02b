import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { SECRET } from '../support/api.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { someDatabase } from '../support/engines.ts'
import { freePort } from '../support/ports.ts'
import { type Service, startService } from '../support/process.ts'
import { runProgram } from '../support/program.ts'

/** Where the service listens, and whom `health` asks. */

const PATIENCE_MS = 60_000
const directory = temporaryDirectory('todo-addresses')

const start = async (HOST: string, preload?: string): Promise<Service> => {
  const service = await startService(
    { ...someDatabase(), BETTER_AUTH_SECRET: SECRET, HOST },
    preload === undefined ? {} : { preload },
  )
  return {
    ...service,
    async [Symbol.asyncDispose]() {
      service.signal('SIGINT')
      await service.exited
    },
  }
}

const statusAt = (host: string, { port }: Service): Promise<number> =>
  fetch(`http://${host}:${port}/health`).then(
    ({ status }) => status,
    () => 0,
  )

const health = async (HOST: string, port: number): Promise<number> =>
  (await runProgram(['health'], { cwd: directory.path, env: { HOST, PORT: String(port) } })).exitCode

test(
  'without a HOST it is all addresses of both families',
  async () => {
    await using service = await start('')
    for (const host of ['127.0.0.1', '[::1]', 'localhost', '127.0.0.2'])
      expect([host, await statusAt(host, service)]).toEqual([host, 200])
    expect(service.log[0]).toContain(`address=[::]:${service.port}`)
    for (const host of ['', '::', '::1', '127.0.0.1', 'localhost'])
      expect([host, await health(host, service.port)]).toEqual([host, 0])
  },
  PATIENCE_MS,
)

test(
  'on a machine without IPv6 it is all addresses of IPv4',
  async () => {
    await using service = await start('', join(import.meta.dir, '..', 'support', 'no-ipv6.preload.ts'))
    expect(await statusAt('127.0.0.1', service)).toBe(200)
    expect(await statusAt('[::1]', service)).toBe(0)
    expect(service.log[0]).toContain(`address=0.0.0.0:${service.port}`)
    expect(await health('', service.port)).toBe(0)
  },
  PATIENCE_MS,
)

test(
  'HOST=0.0.0.0 is IPv4 alone, and HOST=::1 one address',
  async () => {
    await using service = await start('0.0.0.0')
    expect(await statusAt('[::1]', service)).toBe(0)
    expect(await health('0.0.0.0', service.port)).toBe(0)
    expect(await health('::1', service.port)).toBe(1)
  },
  PATIENCE_MS,
)

test('health is 1 where nobody listens', async () => {
  const port = await freePort()
  for (const host of ['', '0.0.0.0', '::1', 'localhost']) expect(await health(host, port)).toBe(1)
})
