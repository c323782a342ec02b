import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { newEmail, PASSWORD } from '../support/accounts.ts'
import { SECRET, tokenFor } from '../support/api.ts'
import { clientFor } from '../support/client.ts'
import { describeServer, useServer } from '../support/describe-server.ts'
import type { PostgresServer } from '../support/postgres.ts'
import { startService } from '../support/process.ts'
import { runProgram } from '../support/program.ts'

/** The grants that docs/OPERATIONS.md prints, run as they stand there. */

const PATIENCE_MS = 120_000

const operations = await Bun.file(join(import.meta.dir, '..', '..', 'docs', 'OPERATIONS.md')).text()
const section = /^## Roles\n(.*?)^## /ms.exec(operations)?.[1] ?? ''
const [administrators = '', owners = ''] = [...section.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql)

describeServer('a role that owns and one that serves', () => {
  let postgres: PostgresServer
  const directory = useServer((server) => (postgres = server))

  const urlOf = (role: string) => `postgres://todo_${role}:${role}-password@127.0.0.1:${postgres.port}/todo`

  /** One request of each kind that reads or writes a table; a keyed create twice. */
  const useEverything = async (url: string) => {
    const { send, create } = clientFor(url, crypto.randomUUID())
    const post = async (path: string, body: unknown, headers: Record<string, string>) =>
      (
        await fetch(url + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        })
      ).status
    const token = tokenFor(crypto.randomUUID())
    const keyed = () =>
      post('/api/tasks', { title: 'keyed' }, { authorization: `Bearer ${token}`, 'idempotency-key': 'a' })
    const account = { email: newEmail(), password: PASSWORD }
    const { json: task } = await create('plain')
    expect([
      await keyed(),
      await keyed(),
      (await send('GET', '/api/tasks')).status,
      (await send('PUT', `/api/tasks/${task.id}`, { title: 'put' })).status,
      (await send('PATCH', `/api/tasks/${task.id}`, { title: 'patch' })).status,
      (await send('PATCH', `/api/tasks/${task.id}/complete`)).status,
      (await send('DELETE', `/api/tasks/${task.id}`)).status,
      await post('/api/auth/signup', account, {}),
      await post('/api/auth/login', account, {}),
    ]).toEqual([201, 201, 200, 200, 200, 200, 204, 201, 200])
  }

  test(
    'can do all that they have to with the grants as printed, and no more',
    async () => {
      await postgres.psql('revoke all on database todo from public; revoke all on schema public from public')
      await postgres.psql(administrators)
      const owner = { cwd: directory, env: { DATABASE_URL: urlOf('owner') } }
      expect(await runProgram(['migrate'], owner)).toMatchObject({ exitCode: 0 })
      await postgres.psql(`set session authorization todo_owner; ${owners}`)

      for (const MIGRATE_ON_START of ['false', 'true']) {
        const env = { DATABASE_URL: urlOf('service'), BETTER_AUTH_SECRET: SECRET, MIGRATE_ON_START }
        await using service = await startService(env)
        await service.ready()
        await useEverything(service.url)
      }
      const refused = postgres.psql('set session authorization todo_service; create table other ()')
      await expect(refused).rejects.toThrow('permission denied for schema public')
    },
    PATIENCE_MS,
  )
})
