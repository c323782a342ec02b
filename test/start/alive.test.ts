import { expect, spyOn, test } from 'bun:test'
import { askHealth, HealthError } from '../../src/commands/health.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { freePort } from '../support/ports.ts'
import { startService } from '../support/process.ts'
import { runProgram } from '../support/program.ts'

test('health is about the process alone: 0 while the database cannot be reached', async () => {
  const directory = temporaryDirectory('todo-alive')
  const service = await startService({
    DATABASE_URL: `postgres://todo:pw@127.0.0.1:${await freePort()}/todo`,
    BETTER_AUTH_SECRET: 'a-secret-that-only-the-tests-know-0123456789',
  })
  const env = { HOST: '127.0.0.1', PORT: String(service.port) }
  expect((await fetch(`${service.url}/health/ready`)).status).toBe(503)
  expect((await runProgram(['health'], { cwd: directory.path, env })).exitCode).toBe(0)
  service.signal('SIGINT')
  await service.exited
  expect((await runProgram(['health'], { cwd: directory.path, env })).exitCode).toBe(1)
  await directory.remove()
}, 60_000)

test('health waits for 2 s for a service that does not answer', async () => {
  using timeout = spyOn(AbortSignal, 'timeout').mockImplementation(() => AbortSignal.abort())
  const asked = askHealth({ host: '127.0.0.1', port: await freePort() })
  expect(await asked.catch((error) => error)).toBeInstanceOf(HealthError)
  expect(timeout.mock.calls).toEqual([[2000]])
})

test.each([
  ['production', true],
  ['staging', true],
  ['development', false],
  ['test', false],
])(
  'the log is JSON where machines read it: %s, %p',
  async (ENVIRONMENT, isJson) => {
    const service = await startService({
      ENVIRONMENT,
      DATABASE_URL: `postgres://todo:pw@127.0.0.1:${await freePort()}/todo`,
      BETTER_AUTH_SECRET: 'a-secret-that-only-the-tests-know-0123456789',
    })
    service.signal('SIGINT')
    await service.exited
    expect(service.log.length).toBeGreaterThan(3)
    expect(service.log.every((line) => line.startsWith('{') && line.endsWith('}'))).toBe(isJson)
  },
  60_000,
)
