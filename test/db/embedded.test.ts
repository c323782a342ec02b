import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../src/config.ts'
import type { Connection } from '../../src/db/client.ts'
import { EmbeddedDatabaseError } from '../../src/db/embedded.ts'
import { databaseSource } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { temporaryDirectory } from '../support/cleanup.ts'

const log = createLog({ level: 'silent', format: 'json' })

describe('the embedded engine', () => {
  const directory = temporaryDirectory('todo-embedded')
  afterAll(() => directory.remove())
  const sourceIn = (name: string) =>
    databaseSource(loadConfig({ ENVIRONMENT: 'test', DATA_DIR: join(directory.path, name) }), log)

  /** What a session leaves behind is there as long as the engine is. */
  const leaveTrace = ({ sql }: Connection) => sql`create temp table trace ()`
  const hasTrace = async ({ sql }: Connection) => {
    const [row] = await sql<[{ found: boolean }]>`select to_regclass('trace') is not null as found`
    return row.found
  }

  test('goes on after a goodbye, and is another one after a connection that was given up', async () => {
    const source = sourceIn('goodbye')
    const first = await source.connect()
    await leaveTrace(first)
    await first.end()

    const second = await source.connect()
    expect(await hasTrace(second)).toBe(true)
    const unanswered = second.sql`select count(*) from generate_series(1, 100000000)`.catch(
      ({ code }) => code,
    )
    second.destroy()
    await second.closed
    expect(await unanswered).toBe('CONNECTION_CLOSED')

    const third = await source.connect()
    expect(await hasTrace(third)).toBe(false)
    await third.end()
    await source.close()
  }, 60_000)

  test('that cannot start says so each time, and lets go of its directory when it is closed', async () => {
    mkdirSync(join(directory.path, 'broken', 'postgres'), { recursive: true })
    writeFileSync(join(directory.path, 'broken', 'postgres', 'PG_VERSION'), 'nonsense')
    for (let round = 0; round < 2; round += 1) {
      const source = sourceIn('broken')
      for (let attempt = 0; attempt < 2; attempt += 1)
        expect(await source.started().catch((error) => error)).toBeInstanceOf(EmbeddedDatabaseError)
      await source.close()
    }
  }, 60_000)
})
