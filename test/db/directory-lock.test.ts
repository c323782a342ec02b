import { afterAll, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lockDirectory } from '../../src/db/directory-lock.ts'
import { StartError } from '../../src/system-error.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { until } from '../support/until.ts'

/** The lock of the embedded database's directory. What a second process meets is in start/embedded. */

const directory = temporaryDirectory('todo-lock')
afterAll(() => directory.remove())

/** Runs `action` as a user without privileges: root may write everywhere. */
const asNobody = (action: () => void): void => {
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    action()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

test('a lock that this user cannot write is an error that names it: it would exclude nobody', () => {
  const path = join(directory.path, 'read-only')
  mkdirSync(path)
  writeFileSync(join(path, 'lock'), '')
  chmodSync(join(path, 'lock'), 0o444)
  for (const each of [directory.path, path]) chmodSync(each, 0o777)
  asNobody(() => {
    const lock = () => lockDirectory(path, { isNew: true })
    expect(lock).toThrow(`DATA_DIR: ${join(path, 'lock')} cannot be locked: `)
    expect(lock).toThrow(StartError)
  })
})

test('a lock that is a link is an error: what it points to is neither made nor changed', () => {
  const path = join(directory.path, 'linked')
  mkdirSync(path)
  symlinkSync(join(directory.path, 'elsewhere'), join(path, 'lock'))
  expect(() => lockDirectory(path, { isNew: true })).toThrow('cannot be locked: it is a link')
  expect(existsSync(join(directory.path, 'elsewhere'))).toBe(false)
})

test('a lock can be taken again once it was released', () => {
  for (let round = 0; round < 2; round += 1) lockDirectory(directory.path, { isNew: true }).release()
})

test.each([
  ['a new directory', 'at once', true],
  ['one with a database, which a process whose lock was deleted may still use', 'later', false],
])('without a lock file, %s is held %s', async (what, when, isNew) => {
  const path = join(directory.path, what)
  mkdirSync(path)
  const lock = lockDirectory(path, { isNew })
  const held = lock.held.then(() => 'at once')
  expect(await Promise.race([held, Bun.sleep(500).then(() => 'later')])).toBe(when)
  await held
  lock.release()
})

test('a lock that is deleted in the moment it is taken is told of like one that is deleted later', async () => {
  const path = join(directory.path, 'deleted')
  mkdirSync(path)
  const file = join(path, 'lock')
  const deleteAlways = `
    import { rmSync } from 'node:fs'
    while (true) rmSync(${JSON.stringify(file)}, { force: true })`
  const deleter = new Worker(`data:text/javascript,${encodeURIComponent(deleteAlways)}`)
  let error: unknown
  await until(() => {
    try {
      lockDirectory(path, { isNew: true }).release()
    } catch (thrown) {
      error = thrown
    }
    return error !== undefined
  })
  deleter.terminate()
  expect(error).toBeInstanceOf(StartError)
  expect(String(error)).toContain(`${file} was deleted or replaced, `)
}, 60_000)
