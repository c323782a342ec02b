import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeDataDir } from '../../src/data-dir.ts'
import { openEmbedded } from '../../src/db/embedded.ts'
import { createLog } from '../../src/log.ts'
import { StartError } from '../../src/system-error.ts'
import { temporaryDirectory } from '../support/cleanup.ts'

/** The directory of the embedded database and the secret, as it may be found. */

const directory = temporaryDirectory('todo-data-dir')
afterAll(() => directory.remove())
const log = createLog({ level: 'silent', format: 'text' })
const modeOf = (path: string) => statSync(path).mode & 0o777
const isRoot = process.geteuid?.() === 0

const failureOf = async (action: () => unknown): Promise<unknown> => {
  try {
    return await action()
  } catch (error) {
    return error
  }
}

/** Runs `action` as a user without privileges: root may write everywhere. */
const asNobody = (action: () => void): unknown => {
  if (!isRoot) return failureOf(action)
  process.seteuid?.(65_534)
  try {
    return action()
  } catch (error) {
    return error
  } finally {
    process.seteuid?.(0)
  }
}

describe('DATA_DIR', () => {
  test('is made with mode 0700, and a mode that lets others in is mended, whatever the secret is', () => {
    const path = join(directory.path, 'new', 'data')
    expect(makeDataDir(path)).toBeUndefined()
    expect(modeOf(path)).toBe(0o700)
    chmodSync(path, 0o755)
    expect(makeDataDir(path)).toBeUndefined()
    expect(modeOf(path)).toBe(0o700)
  })

  test('that is a link is used as it is: what it points to keeps its mode', () => {
    const target = join(directory.path, 'shared')
    mkdirSync(target, { mode: 0o755 })
    const link = join(directory.path, 'link')
    symlinkSync(target, link)
    for (const path of [link, `${link}/`]) expect(makeDataDir(path)).toBeUndefined()
    expect(modeOf(target)).toBe(0o755)
  })

  test('of another owner is used with a warning when its mode cannot be set', () => {
    const path = join(directory.path, 'of-another')
    mkdirSync(path)
    chmodSync(path, 0o777)
    if (!isRoot) return
    chmodSync(directory.path, 0o755)
    chownSync(path, 1, 1)
    expect(asNobody(() => expect(makeDataDir(path)).toContain('whose mode cannot be set'))).toBeUndefined()
    expect(modeOf(path)).toBe(0o777)
  })

  const bad: [string, string, () => string][] = [
    [
      'is a file',
      'it is no directory (EEXIST)',
      () => {
        const path = join(directory.path, 'file')
        writeFileSync(path, '')
        return path
      },
    ],
    [
      'is below a file',
      'a part of the path is no directory (ENOTDIR)',
      () => join(directory.path, 'file', 'data'),
    ],
    ['is where nothing can be made', '', () => '/proc/self/data'],
    [
      'has a name that is too long',
      'the name is too long (ENAMETOOLONG)',
      () => join(directory.path, 'x'.repeat(300)),
    ],
  ]

  test.each(bad)('that %s is told in a sentence, with what to do', async (_what, reason, make) => {
    const path = make()
    const failure = await failureOf(() => openEmbedded(path, log))
    expect(failure).toBeInstanceOf(StartError)
    const { message } = failure as Error
    expect(message).toStartWith(`DATA_DIR: ${path} cannot be used: ${reason}`)
    expect(message).toEndWith('. Set DATA_DIR to a directory that this user may write to.')
  })

  test('that may not be written to is told in a sentence', () => {
    const path = join(directory.path, 'closed')
    mkdirSync(path, { mode: 0o555 })
    chmodSync(directory.path, 0o755)
    const failure = asNobody(() => makeDataDir(join(path, 'data'))) as Error
    expect(failure.message).toStartWith(
      `DATA_DIR: ${join(path, 'data')} cannot be used: permission denied (EACCES).`,
    )
  })
})

describe('its database', () => {
  const databaseIn = (name: string, files: Record<string, string>): string => {
    const path = join(directory.path, name)
    mkdirSync(join(path, 'postgres'), { recursive: true })
    for (const [file, content] of Object.entries(files)) writeFileSync(join(path, 'postgres', file), content)
    return path
  }
  const startOf = async (path: string): Promise<unknown> => {
    const database = openEmbedded(path, log)
    const failure = await failureOf(() => database.started())
    await database.close()
    return failure
  }

  test('is opened in a directory whose mode is mended then, whether a secret is kept there or not', async () => {
    const path = databaseIn('open-to-others', { PG_VERSION: '16\n' })
    chmodSync(path, 0o755)
    await startOf(path)
    expect(modeOf(path)).toBe(0o700)
  })

  test('is not made anew over files that lost their PG_VERSION', async () => {
    const path = databaseIn('no-version', { 'postgresql.conf': 'kept' })
    const failure = await startOf(path)
    expect(failure).toBeInstanceOf(StartError)
    expect((failure as Error).message).toStartWith(
      `DATA_DIR: ${join(path, 'postgres')} holds files but no PG_VERSION.`,
    )
    expect(await Bun.file(join(path, 'postgres', 'postgresql.conf')).text()).toBe('kept')
  })

  test('of another PostgreSQL is refused by its version', async () => {
    const path = databaseIn('old', { PG_VERSION: '16\n' })
    expect(((await startOf(path)) as Error).message).toStartWith(
      `DATA_DIR: ${join(path, 'postgres')} was made by PostgreSQL 16, and this is PostgreSQL 18.`,
    )
  })

  test('that the engine cannot open is told in its words', async () => {
    const path = databaseIn('damaged', { PG_VERSION: '18\n' })
    const { message } = (await startOf(path)) as Error
    expect(message).toStartWith(`DATA_DIR: the database in ${join(path, 'postgres')} cannot be opened: `)
    expect(message).not.toMatch(/object Object|Aborted/)
  }, 60_000)
})
