import { afterAll, expect, test } from 'bun:test'
import { SECRET } from '../support/api.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { clientOf } from '../support/client.ts'
import { someDatabase } from '../support/engines.ts'
import { createSigningKey, startIssuer } from '../support/issuer.ts'
import { startService } from '../support/process.ts'
import { runProgram } from '../support/program.ts'

/** `HTTP_PROXY` is for the world outside: what this machine serves is asked for directly. */

const directory = temporaryDirectory('todo-proxy')
afterAll(() => directory.remove())

// Nothing listens there.
const PROXY = 'http://127.0.0.1:1'

test('health asks the service directly', async () => {
  await using service = await startService({ ...someDatabase(), BETTER_AUTH_SECRET: SECRET })
  const environments: Record<string, string>[] = [
    { HTTP_PROXY: PROXY },
    { http_proxy: PROXY, NO_PROXY: 'example.com' },
    { HTTP_PROXY: PROXY, no_proxy: '' },
  ]
  for (const env of environments)
    for (const HOST of ['127.0.0.1', 'localhost']) {
      const outcome = await runProgram(['health'], {
        cwd: directory.path,
        env: { ...env, HOST, PORT: String(service.port) },
      })
      expect([env, HOST, outcome.exitCode]).toEqual([env, HOST, 0])
    }
}, 60_000)

test('the keys of an issuer on this machine are fetched directly', async () => {
  const key = await createSigningKey('EdDSA', 'one')
  await using issuer = await startIssuer([key])
  await using service = await startService({
    ...someDatabase(),
    HTTP_PROXY: PROXY,
    JWKS_URL: issuer.url.href,
    JWT_ISSUER: 'me',
    JWT_AUDIENCE: 'here',
  })
  await service.ready()
  const exp = Math.floor(Date.now() / 1000) + 600
  const token = await key.sign({ sub: 'alice', iss: 'me', aud: 'here', exp })
  expect((await clientOf(service.url, token).list()).status).toBe(200)
}, 60_000)
