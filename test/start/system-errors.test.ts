import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { dataDirError, listenError, StartError } from '../../src/system-error.ts'
import { SECRET } from '../support/api.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { someDatabase } from '../support/engines.ts'
import { freePort } from '../support/ports.ts'
import { StartFailed, startService } from '../support/process.ts'
import { runProgram } from '../support/program.ts'

/** What the operating system refuses, told to who started the service. */

const directory = temporaryDirectory('todo-system-errors')
afterAll(() => directory.remove())
const PATIENCE_MS = 120_000
const main = join(import.meta.dir, '..', '..', 'src', 'main.ts')

const systemError = (code: string) => Object.assign(new Error('inner words'), { code })

const outcomeOf = (env: Record<string, string>) =>
  runProgram([], { cwd: directory.path, env: { BETTER_AUTH_SECRET: SECRET, ...env } })

/** Starts the service by a script that may mount: `$1` is the disk, and `"$2" "$3"` is the service. */
const withMount = (script: string, disk: string): string[] => [
  'unshare',
  '--map-root-user',
  '--mount',
  'sh',
  '-c',
  script,
  'sh',
  disk,
  process.execPath,
  main,
]

describe('a start', () => {
  test.each(['203.0.113.7', 'no.such.host.invalid', 'not an address'])(
    'with a HOST that is no address of this machine ends with a sentence: %s',
    async (HOST) => {
      const { exitCode, output } = await outcomeOf({
        ...someDatabase(),
        HOST,
        PORT: String(await freePort()),
      })
      expect(exitCode).toBe(1)
      expect(output).toContain(`HOST: ${HOST} is no address of this machine. Set HOST to one that is`)
      expect(output).not.toMatch(/\n +at /)
    },
    PATIENCE_MS,
  )

  test.each(['info', 'silent'])(
    'says why on standard error, whatever LOG_LEVEL is: %s',
    async (LOG_LEVEL) => {
      const { exitCode, stdout, stderr } = await outcomeOf({
        ...someDatabase(),
        HOST: '203.0.113.7',
        PORT: '0',
        LOG_LEVEL,
      })
      expect(exitCode).toBe(1)
      expect(stderr).toStartWith('HOST: 203.0.113.7 is no address of this machine.')
      expect(stdout.includes('HOST: 203.0.113.7')).toBe(LOG_LEVEL === 'info')
    },
    PATIENCE_MS,
  )

  test.each([
    ['EADDRINUSE', 'PORT: port 80 is in use. Stop who uses it, or set PORT to another one.'],
    [
      'EACCES',
      'PORT: this user may not listen on port 80. Set PORT to one from 1024 on, or start with the privilege.',
    ],
    ...['EADDRNOTAVAIL', 'ENOTFOUND', 'EINVAL', 'ERR_INVALID_ARG_TYPE'].map((code) => [
      code,
      'HOST: box is no address of this machine. Set HOST to one that is, or leave it out for all of them.',
    ]),
  ])('that cannot listen for %s names what to change', (code, sentence) => {
    const error = listenError(systemError(code), { host: 'box', port: 80 })
    expect(error).toBeInstanceOf(StartError)
    expect((error as Error).message).toBe(sentence)
  })

  test('that cannot listen for a reason that is not known tells it as it is', () => {
    for (const defect of [new TypeError('a defect'), systemError('ENOBUFS')])
      expect(listenError(defect, { host: '::', port: 8000 })).toBe(defect)
  })

  const elsewhere = 'Set DATA_DIR to a directory that this user may write to.'
  const room = 'Make room, or set DATA_DIR to a directory on another disk.'

  test.each([
    ['EACCES', 'permission denied', elsewhere],
    ['EDQUOT', 'the disk quota is used up', room],
    ['EEXIST', 'it is no directory', elsewhere],
    ['EIO', 'the disk does not work', elsewhere],
    ['ELOOP', 'its links go round in a circle', elsewhere],
    ['EMFILE', 'too many files are open', elsewhere],
    ['ENAMETOOLONG', 'the name is too long', elsewhere],
    ['ENOENT', 'there is no such file or directory', elsewhere],
    ['ENOSPC', 'the disk is full', room],
    ['ENOTDIR', 'a part of the path is no directory', elsewhere],
    ['EPERM', 'not permitted', elsewhere],
    ['EROFS', 'the file system is read-only', elsewhere],
  ])('that cannot use DATA_DIR for %s says so in words', (code, words, remedy) => {
    const error = dataDirError(systemError(code), '/data')
    expect(error).toBeInstanceOf(StartError)
    expect(error.message).toBe(`DATA_DIR: /data cannot be used: ${words} (${code}). ${remedy}`)
  })

  test(
    'on a read-only file system says so, whether a secret is to be kept there or not',
    async () => {
      const disk = join(directory.path, 'read-only')
      const DATA_DIR = join(disk, 'data')
      await mkdir(DATA_DIR, { recursive: true })
      for (const BETTER_AUTH_SECRET of [SECRET, '']) {
        const script = 'mount -o bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" "$3"'
        const command = withMount(script, disk)
        const failure = await startService({ DATA_DIR, BETTER_AUTH_SECRET }, { command }).catch(
          (error) => error,
        )
        expect(failure).toBeInstanceOf(StartFailed)
        const file = BETTER_AUTH_SECRET ? 'lock' : 'secret'
        expect(failure.log.at(-1)).toContain(
          `DATA_DIR: ${join(DATA_DIR, file)} cannot be used: the file system is read-only (EROFS). Set DATA_DIR`,
        )
      }
    },
    PATIENCE_MS,
  )

  test(
    'on a full disk ends with a sentence, and leaves nothing half made',
    async () => {
      const disk = join(directory.path, 'disk')
      await mkdir(disk)
      chmodSync(directory.path, 0o755)
      const DATA_DIR = join(disk, 'data')
      const script = `mount -t tmpfs -o size=3m none "$1" && "$2" "$3"; ls "$1/data"`
      const command = withMount(script, disk)
      const failure = await startService({ DATA_DIR, BETTER_AUTH_SECRET: SECRET }, { command }).then(
        async (service) => new StartFailed(await service.exited, service.log),
        (error) => error,
      )
      const log: string[] = failure.log
      expect(log.join('\n')).toContain(
        `DATA_DIR: ${join(DATA_DIR, 'postgres')} cannot be used: the disk is full (ENOSPC). Make room`,
      )
      expect(log.join('\n')).not.toMatch(/\n +at |object Object|Aborted/)
      expect(log.at(-1)).toBe('lock')
    },
    PATIENCE_MS,
  )
})
