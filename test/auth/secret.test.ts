import { afterAll, describe, expect, spyOn, test } from 'bun:test'
import fs, { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chooseSecret } from '../../src/auth/secret.ts'
import { StartError } from '../../src/system-error.ts'
import { temporaryDirectory } from '../support/cleanup.ts'

/** The secret of a service that was given none. */

const directory = temporaryDirectory('todo-secret')
afterAll(() => directory.remove())
const KNOWN = 'known-to-others-'.repeat(4)

let made = 0
const newDirectory = (): string => {
  made += 1
  const path = join(directory.path, String(made))
  mkdirSync(path, { mode: 0o700 })
  return path
}

const choose = (dataDir: string) =>
  chooseSecret({ authSecret: undefined, jwksUrl: undefined, dataDir }).secret
const systemError = (code: string) => Object.assign(new Error(code), { code })

describe('the kept secret', () => {
  test('is one, also when another process makes it at the same moment', () => {
    const dataDir = newDirectory()
    // The other one is faster, right before this one puts its own in place.
    const link = fs.linkSync
    using _ = spyOn(fs, 'linkSync').mockImplementation((from, to) => {
      writeFileSync(to as string, 'of-the-other-process'.repeat(3), { mode: 0o600 })
      link(from, to)
    })
    expect(choose(dataDir)).toBe('of-the-other-process'.repeat(3))
  })

  test.each(['EPERM', 'ENOTSUP', 'ENOSYS'])('is made and kept where files have no links (%s)', (code) => {
    const dataDir = newDirectory()
    using _ = spyOn(fs, 'linkSync').mockImplementation(() => {
      throw systemError(code)
    })
    const secret = choose(dataDir)
    expect(secret).toMatch(/^[0-9a-f]{64}$/)
    expect(choose(dataDir)).toBe(secret)
    expect(fs.readdirSync(dataDir)).toEqual(['secret'])
  })

  test('is one where files have no links, too: who comes second waits until the first has written it', () => {
    const dataDir = newDirectory()
    const file = join(dataDir, 'secret')
    // The other process has made its file, and writes into it a moment later.
    using _link = spyOn(fs, 'linkSync').mockImplementation(() => {
      writeFileSync(file, '', { mode: 0o600 })
      throw systemError('EPERM')
    })
    using sleep = spyOn(Bun, 'sleepSync').mockImplementation(() => {
      if (sleep.mock.calls.length === 3) writeFileSync(file, KNOWN)
    })
    expect(choose(dataDir)).toBe(KNOWN)
    expect(sleep.mock.calls.length).toBe(3)
  })

  test('that others may have written is refused', () => {
    for (const mode of [0o666, 0o644, 0o640, 0o602]) {
      const dataDir = newDirectory()
      const file = join(dataDir, 'secret')
      writeFileSync(file, KNOWN)
      chmodSync(file, mode)
      expect(() => choose(dataDir)).toThrow(`${file} may be known to others`)
      expect(() => choose(dataDir)).toThrow(StartError)
      expect(readFileSync(file, 'utf8')).toBe(KNOWN)
    }
  })

  if (process.geteuid?.() === 0)
    test('of another user is refused', () => {
      const dataDir = newDirectory()
      const file = join(dataDir, 'secret')
      writeFileSync(file, KNOWN, { mode: 0o600 })
      chownSync(file, 65_534, 65_534)
      expect(() => choose(dataDir)).toThrow(`${file} may be known to others`)
    })

  test('is not followed through a link, also one to nowhere', () => {
    const elsewhere = join(directory.path, 'elsewhere')
    writeFileSync(elsewhere, KNOWN, { mode: 0o600 })
    for (const target of [elsewhere, join(directory.path, 'nowhere')]) {
      const dataDir = newDirectory()
      symlinkSync(target, join(dataDir, 'secret'))
      expect(() => choose(dataDir)).toThrow(`${join(dataDir, 'secret')} is a link, which is not followed`)
    }
    expect(fs.existsSync(join(directory.path, 'nowhere'))).toBe(false)
  })

  test('that is a directory is refused', () => {
    const dataDir = newDirectory()
    mkdirSync(join(dataDir, 'secret'))
    expect(() => choose(dataDir)).toThrow(StartError)
  })

  test('cannot be kept on a full disk, which is told in a sentence', () => {
    const dataDir = newDirectory()
    using _ = spyOn(fs, 'writeFileSync').mockImplementation(() => {
      throw systemError('ENOSPC')
    })
    expect(() => choose(dataDir)).toThrow(
      `DATA_DIR: ${join(dataDir, 'secret')} cannot be used: the disk is full (ENOSPC). Make room`,
    )
  })
})
