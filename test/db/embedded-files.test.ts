import { afterAll, describe, expect, spyOn, test } from 'bun:test'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { loadConfig } from '../../src/config.ts'
import { codeOfEngine, DurableFiles } from '../../src/db/embedded-files.ts'
import { databaseSource } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { temporaryDirectory } from '../support/cleanup.ts'

/** What the embedded database has on disk when it says that something is stored. */

const directory = temporaryDirectory('todo-durable')
afterAll(() => directory.remove())
const dataDir = join(directory.path, 'data')

describe('the embedded database', () => {
  test('is asked to keep the loss of power in mind, by the method that its files can', async () => {
    const log = createLog({ level: 'silent', format: 'text' })
    const source = databaseSource(loadConfig({ ENVIRONMENT: 'test', DATA_DIR: dataDir }), log)
    await source.started()
    const { sql, end } = await source.connect()
    const settings = await sql<{ name: string; setting: string }[]>`
      select name, setting from pg_settings
      where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method') order by name`
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      fsync: 'on',
      full_page_writes: 'on',
      synchronous_commit: 'on',
      wal_sync_method: 'fsync',
    })
    await end()
    await source.close()
    expect(fs.existsSync(join(dataDir, 'postgres.new'))).toBe(false)
  }, 120_000)

  test('puts each commit on disk before it is acknowledged', async () => {
    const database = await PGlite.create({
      fs: new DurableFiles(join(dataDir, 'postgres')),
      startParams: [
        ...PGlite.defaultStartParams.filter((each) => each !== '-F'),
        '-c',
        'wal_sync_method=fsync',
      ],
    })
    await database.exec('create table synced (id int)')
    using fsync = spyOn(fs, 'fsyncSync')
    for (let commits = 1; commits <= 10; commits += 1) {
      await database.query('insert into synced values ($1)', [commits])
      expect(fsync.mock.calls.length).toBeGreaterThanOrEqual(commits)
    }
    await database.close()
  }, 120_000)
})

test('the engine’s numbers for what a disk does mean here what they mean there', async () => {
  const engine = join(dirname(Bun.resolveSync('@electric-sql/pglite', import.meta.dir)), 'pglite.js')
  const [table = ''] = /ERRNO_CODES *= *\{[^}]+\}/.exec(await Bun.file(engine).text()) ?? []
  for (const code of ['EACCES', 'EDQUOT', 'EIO', 'EMFILE', 'ENOSPC', 'EPERM', 'EROFS']) {
    const [, number] = new RegExp(`\\b${code}: *(\\d+)`).exec(table) ?? []
    expect([code, codeOfEngine(Number(number))]).toEqual([code, code])
  }
  for (const unknown of [undefined, -1, 0, 44]) expect(codeOfEngine(unknown)).toBeUndefined()
})
