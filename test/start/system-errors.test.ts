import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { listenError, StartError } from '../../src/system-error.ts'
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

const outcomeOf = (env: Record<string, string>) =>
  runProgram([], { cwd: directory.path, env: { BETTER_AUTH_SECRET: SECRET, ...env } })

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

  test('that may not listen on its port says so', () => {
    const refused = Object.assign(new Error('permission denied 0.0.0.0:80'), { code: 'EACCES' })
    const error = listenError(refused, { host: '0.0.0.0', port: 80 })
    expect(error).toBeInstanceOf(StartError)
    expect((error as Error).message).toStartWith('PORT: this user may not listen on port 80.')
    const defect = new TypeError('a defect')
    expect(listenError(defect, { host: '::', port: 8000 })).toBe(defect)
  })

  test(
    'on a full disk ends with a sentence, and leaves nothing half made',
    async () => {
      const disk = join(directory.path, 'disk')
      await mkdir(disk)
      chmodSync(directory.path, 0o755)
      const DATA_DIR = join(disk, 'data')
      const main = join(import.meta.dir, '..', '..', 'src', 'main.ts')
      const script = `mount -t tmpfs -o size=3m none "$1" && "$2" "$3"; ls "$1/data"`
      const command = [
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
