import { join } from 'node:path'
import { atProcessEnd } from './cleanup.ts'

export interface Outcome {
  exitCode: number
  stdout: string
  stderr: string
  /** Both, for what may stand in either. */
  output: string
}

const repository = join(import.meta.dir, '..', '..')

/**
 * Runs one of the service's commands (none serves) to its end, with PATH, HOME and what `env` says for its whole
 * environment. `cwd` is where it looks for `.env` and makes `.data`.
 */
export async function runProgram(
  args: string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, join(repository, 'src', 'main.ts'), ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const cancelCleanup = atProcessEnd('kill -KILL "$1"', String(child.pid))
  const [exitCode, stdout, stderr] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ])
  cancelCleanup()
  return { exitCode, stdout, stderr, output: stdout + stderr }
}
