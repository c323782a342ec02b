import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './support/cleanup.ts'
import { until } from './support/until.ts'

/** A run of tests that does not come to its end takes its processes and files along. */

const PATIENCE_MS = 120_000
const directory = temporaryDirectory('todo-interrupted')
afterAll(() => directory.remove())

const support = join(import.meta.dir, 'support')

/** A file with one test, in the middle of which a service makes its database. */
const fileThat = (end: string) => `
  import { test } from 'bun:test'
  import { globSync } from 'node:fs'
  import { startService } from '${support}/process.ts'
  import { until } from '${support}/until.ts'
  test('a test', async () => {
    await startService({})
    await until(() => globSync(process.env.TMPDIR + '/todo-service-*/data/postgres.new').length > 0)
    console.error('under way')
    ${end}
  })`

test.each([
  ['by its first failure', `throw new Error('on purpose')`, undefined],
  ['by SIGINT', 'await Bun.sleep(600_000)', 'SIGINT'],
] as const)(
  'ended %s leaves nothing in the temporary directory',
  async (_, end, signal) => {
    const name = signal ?? 'bail'
    const TMPDIR = join(directory.path, name)
    mkdirSync(TMPDIR)
    const file = join(directory.path, `${name}.test.ts`)
    await Bun.write(file, fileThat(end))
    // From there, so that it does not start the databases of all tests, too.
    const run = Bun.spawn([process.execPath, 'test', '--bail', '--timeout=600000', file], {
      cwd: directory.path,
      env: { ...process.env, TMPDIR },
      stdout: 'ignore',
      stderr: 'pipe',
    })
    let said = ''
    for await (const chunk of run.stderr.pipeThrough(new TextDecoderStream())) {
      said += chunk
      if (signal && said.includes('under way')) run.kill(signal)
    }
    expect(said).toContain('under way')
    expect(await run.exited).not.toBe(0)
    await until(() => readdirSync(TMPDIR).length === 0)
  },
  PATIENCE_MS,
)
