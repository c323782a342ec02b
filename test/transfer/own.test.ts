import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SECRET } from '../support/api.ts'
import { clientFor, clientOf } from '../support/client.ts'
import { type Service, startService } from '../support/process.ts'
import { startTransfer, type Transfer } from '../support/transfer.ts'

/** From the embedded database to a server, and back: nobody who uses the service can tell. */

const PATIENCE_MS = 300_000
const TASKS = 40
let transfer: Transfer
beforeAll(async () => {
  transfer = await startTransfer()
}, PATIENCE_MS)
afterAll(() => transfer.remove())

const post = async (service: Service, path: string, body: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(service.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, json: (await response.json()) as Record<string, never> }
}

const ADA = { email: 'ada@example.com', password: 'correct horse battery' }
const keyed = { title: 'only once' }

/** What users of the service see: tasks, tags, an account's login, and what a retry with a key gives. */
const viewOf = async (service: Service, token: string) => {
  const client = clientOf(service.url, token)
  const bob = clientFor(service.url, 'bob')
  const tasks = [...(await client.listAll()), ...(await bob.listAll())]
  const pages = await client.send('GET', '/api/tasks?limit=7')
  const one = await client.send('GET', `/api/tasks/${tasks[3]?.id}`)
  const login = await post(service, '/api/auth/login', ADA)
  const retry = await post(service, '/api/tasks', keyed, {
    authorization: `Bearer ${token}`,
    'idempotency-key': 'a-key',
  })
  return {
    tasks,
    page: pages.json,
    next: pages.headers.get('link'),
    tag: one.headers.get('etag'),
    login: { status: login.status, user: login.json.user },
    retry,
  }
}

const on = async <T>(env: Record<string, string>, work: (service: Service) => Promise<T>): Promise<T> => {
  await using service = await startService({ ...env, BETTER_AUTH_SECRET: SECRET })
  await service.ready(PATIENCE_MS)
  return await work(service)
}

describe('a move from the embedded database to a server and back', () => {
  test(
    'keeps ids, times, tags, logins and keyed retries, and goes on with the next id',
    async () => {
      const first = { DATA_DIR: join(transfer.directory, 'first') }
      let token = ''
      const { nextId, ...before } = await on(first, async (service) => {
        const account = await post(service, '/api/auth/signup', ADA)
        token = account.json.access_token ?? ''
        const ada = clientOf(service.url, token)
        const bob = clientFor(service.url, 'bob')
        for (let number = 0; number < TASKS; number += 1)
          await (number % 3 ? ada : bob).create(`task ${number}`)
        await post(service, '/api/tasks', keyed, {
          authorization: `Bearer ${token}`,
          'idempotency-key': 'a-key',
        })
        const [newest] = await ada.listAll()
        await ada.send('PATCH', `/api/tasks/${newest?.id}/complete`)
        const view = await viewOf(service, token)
        // The newest task is deleted: its id must not be given again.
        const gone = await ada.create('gone')
        await ada.send('DELETE', `/api/tasks/${gone.json.id}`)
        return { ...view, nextId: gone.json.id + 1 }
      })
      expect(before.tasks).toHaveLength(TASKS + 1)
      expect(before.login.status).toBe(200)
      expect(before.retry.status).toBe(201)

      const server = { DATABASE_URL: await transfer.target() }
      const there = await transfer.run(['import', 'first', '--apply'], server)
      expect(there.exitCode).toBe(0)
      expect(there.stdout).toContain(`Stored: 2 users, ${TASKS + 1} tasks, 1 idempotency key.`)
      expect(await on(server, (service) => viewOf(service, token))).toEqual(before)

      const second = { DATA_DIR: join(transfer.directory, 'second') }
      expect((await transfer.run(['migrate'], second)).exitCode).toBe(0)
      const back = await transfer.run(['import', server.DATABASE_URL, '--apply'], second)
      expect(back.exitCode).toBe(0)
      expect(back.stdout).toContain(`Stored: 2 users, ${TASKS + 1} tasks, 1 idempotency key.`)
      await on(second, async (service) => {
        expect(await viewOf(service, token)).toEqual(before)
        // Each of the two keyed retries since then has used up an id.
        expect((await clientOf(service.url, token).create('next')).json.id).toBe(nextId + 2)
      })
    },
    PATIENCE_MS,
  )

  test(
    'is refused while a service runs on the directory, and when it is the target',
    async () => {
      const DATA_DIR = join(transfer.directory, 'first')
      const env = { DATABASE_URL: await transfer.target() }
      await on({ DATA_DIR }, async () => {
        const { exitCode, stderr } = await transfer.run(['import', 'first'], env)
        expect(exitCode).toBe(1)
        expect(stderr).toContain('is in use by another process')
      })
      const itself = await transfer.run(['import', 'first'], { DATA_DIR })
      expect(itself.exitCode).toBe(1)
      expect(itself.stderr).toContain('The source is the target')
      expect(existsSync(DATA_DIR)).toBe(true)
    },
    PATIENCE_MS,
  )
})
