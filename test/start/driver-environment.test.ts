import { afterAll, beforeAll, expect, test } from 'bun:test'
import { temporaryDirectory } from '../support/cleanup.ts'
import { describeServer } from '../support/describe-server.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { runProgram } from '../support/program.ts'

/** The environment that psql and postgres.js read, and this service does not. */

describeServer('the variables of libpq', () => {
  const directory = temporaryDirectory('todo-environment')
  let postgres: PostgresServer

  beforeAll(async () => {
    postgres = await startPostgres()
  }, 60_000)
  afterAll(async () => {
    await postgres.remove()
    await directory.remove()
  })

  const migrate = (DATABASE_URL: string, env: Record<string, string>) =>
    runProgram(['migrate'], { cwd: directory.path, env: { DATABASE_URL, ...env } })

  test('change nothing about how the service connects', async () => {
    const env = {
      PGTARGETSESSIONATTRS: 'any',
      PGTARGET_SESSION_ATTRS: 'standby',
      PGHOST: 'a.example.com,b.example.com',
      PGPORT: '1',
      PGDATABASE: 'other',
      PGAPPNAME: 'other',
      PGMAX_PIPELINE: '0',
      PGDEBUG: 'true',
      PGIDLE_TIMEOUT: '1',
    }
    expect(await migrate(postgres.url(), env)).toMatchObject({ exitCode: 0, stderr: '' })
  }, 60_000)

  test('are no place for the password', async () => {
    const { username, password } = new URL(postgres.url())
    const { exitCode, output } = await migrate(
      postgres.url().replace(`${username}:${password}@`, `${username}@`),
      {
        PGPASSWORD: password,
      },
    )
    expect(exitCode).toBe(1)
    expect(output).toContain('(28P01)')
  }, 60_000)
})
