import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SECRET } from '../support/api.ts'
import { clientFor } from '../support/client.ts'
import { startService } from '../support/process.ts'
import { startTransfer, type Transfer } from '../support/transfer.ts'

const PATIENCE_MS = 60_000
let transfer: Transfer
beforeAll(async () => {
  transfer = await startTransfer()
}, PATIENCE_MS)
afterAll(() => transfer.remove())

describe('erase', () => {
  test(
    'deletes a user with all tasks and keys, says how many, and leaves others alone',
    async () => {
      const DATABASE_URL = await transfer.target()
      await using service = await startService({ DATABASE_URL, BETTER_AUTH_SECRET: SECRET })
      await service.ready()
      const [alice, bob] = [clientFor(service.url, 'alice'), clientFor(service.url, 'bob')]
      for (const client of [alice, alice, bob]) await client.create('x')
      await transfer.server.psql(
        "insert into idempotency_keys (user_id, key, fingerprint, task_id) values ('alice', 'k', '\\x00', 1)",
        new URL(DATABASE_URL).pathname.slice(1),
      )
      const { exitCode, stdout, stderr } = await transfer.run(['erase', 'alice'], { DATABASE_URL })
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stdout).toBe(
        'Erased: user "alice", 2 tasks, 1 idempotency key.\n' +
          'A token of this user that has not expired is still valid: the next task written with it would make the user anew.\n',
      )
      expect(await transfer.rows(DATABASE_URL, 'select id from users')).toEqual([{ id: 'bob' }])
      expect(await transfer.rows(DATABASE_URL, 'select user_id from tasks')).toEqual([{ user_id: 'bob' }])
      expect(await transfer.rows(DATABASE_URL, 'select from idempotency_keys')).toEqual([])
      // The service that runs finds out.
      expect((await alice.create('anew')).status).toBe(201)
      expect((await alice.list()).json).toHaveLength(1)
    },
    PATIENCE_MS,
  )

  test(
    'of nobody is 1, and says so',
    async () => {
      const DATABASE_URL = await transfer.target()
      const { exitCode, stdout, stderr } = await transfer.run(['erase', 'nobody'], { DATABASE_URL })
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
      expect(stderr).toBe('There is no user "nobody". Nothing was erased.\n')
    },
    PATIENCE_MS,
  )

  test('needs one user id', async () => {
    for (const args of [[], ['alice', 'bob']])
      expect((await transfer.run(['erase', ...args], {})).exitCode).toBe(2)
  })
})
