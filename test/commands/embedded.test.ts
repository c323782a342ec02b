import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { loadConfig } from '../../src/config.ts'
import { databaseSource } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { findPostgres } from '../support/postgres.ts'
import { type Outcome, runProgram } from '../support/program.ts'
import { startTransfer, type Transfer } from '../support/transfer.ts'
import { until } from '../support/until.ts'

/** Commands on an embedded database that is taken away from them, and what they say. */

const PATIENCE_MS = 120_000
const directory = temporaryDirectory('todo-embedded-commands')
afterAll(() => directory.remove())
const DATA_DIR = join(directory.path, 'data')
const lock = join(DATA_DIR, 'lock')
const WHY = `${lock} was deleted or replaced, so that another process can open the database: stopped, to lose no data.`

/** Changes the database, as whoever has its files may. */
const change = async (sql: string): Promise<void> => {
  const log = createLog({ level: 'silent', format: 'text' })
  const source = databaseSource(loadConfig({ ENVIRONMENT: 'test', DATA_DIR }), log)
  const connection = await source.connect()
  await connection.sql.unsafe(sql)
  await connection.end()
  await source.close()
}

const run = (...args: string[]): Promise<Outcome> =>
  runProgram(args, { cwd: directory.path, env: { DATA_DIR } })

describe('without the lock of its database', () => {
  test(
    'migrate ends with 1 and a sentence, and the next one makes the tables',
    async () => {
      const migration = run('migrate')
      await until(() => existsSync(lock))
      await rm(lock)
      expect(await migration).toMatchObject({ exitCode: 1, stderr: `${WHY}\n` })
      expect(await run('migrate')).toMatchObject({ exitCode: 0, stderr: '' })
    },
    PATIENCE_MS,
  )
})

describe.if(findPostgres() !== null)('to an embedded database', () => {
  let transfer: Transfer
  beforeAll(async () => {
    transfer = await startTransfer()
  }, PATIENCE_MS)
  afterAll(() => transfer.remove())

  test(
    'import ends with 1 when the lock is deleted, and says that nothing was stored',
    async () => {
      const source = await transfer.source(`
        create table users (id text primary key); create table tasks (id int primary key, user_id text, title text)`)
      const name = new URL(source).pathname.slice(1)
      const { psql } = transfer.server
      // The import waits for it.
      const holder = psql('begin; lock table users; select pg_sleep(600)', name).catch(() => {})
      await until(
        async () =>
          (await psql(
            `select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted`,
            name,
          )) === '1',
      )
      const copy = run('import', source, '--apply')
      const others = `from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`
      await until(async () => (await psql(`select count(*) ${others} and wait_event_type = 'Lock'`)) === '1')
      await rm(lock)
      const { exitCode, stderr } = await copy
      expect(exitCode).toBe(1)
      // On a slow machine it says before that it opens the database.
      expect(stderr).toEndWith(`${WHY} Nothing was stored.\n`)
      expect(stderr).not.toMatch(/\n +at /)
      await psql(`select pg_terminate_backend(pid) ${others}`)
      await holder
      expect((await run('import', source, '--apply')).exitCode).toBe(0)
    },
    PATIENCE_MS,
  )

  test(
    'import ends with 1 when the disk is full, and says what to do',
    async () => {
      await change(`
        create function fill() returns trigger language plpgsql as
          $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$;
        create trigger fill before insert on tasks for each row execute function fill()`)
      const source = await transfer.source(`
        create table users (id text primary key); create table tasks (id int primary key, user_id text, title text);
        insert into users values ('ada'); insert into tasks values (1, 'ada', 'x')`)
      const { exitCode, stderr } = await run('import', source, '--apply')
      expect(exitCode).toBe(1)
      expect(stderr).toEndWith(
        `DATA_DIR: ${DATA_DIR} cannot be used: the disk is full (ENOSPC). Make room, or set DATA_DIR to a directory on ` +
          'another disk. Nothing was stored.\n',
      )
      await change('drop trigger fill on tasks')
      expect((await run('import', source, '--apply')).exitCode).toBe(0)
    },
    PATIENCE_MS,
  )
})
