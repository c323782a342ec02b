import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { atProcessEnd, temporaryDirectory } from './cleanup.ts'
import { accepts, freePort } from './ports.ts'

export interface Caddy {
  url: string
  remove(): Promise<void>
}

/** The program, or null when Caddy is not installed. */
export const findCaddy = (): string | null => Bun.which('caddy')

/**
 * Starts a Caddy, which ends with this process.
 *
 * @param sites the Caddyfile but for its global options, for the port where it has to listen
 */
export async function startCaddy(sites: (port: number) => string): Promise<Caddy> {
  const program = findCaddy()
  if (!program) throw new Error('Caddy is not installed (Debian: apt-get install caddy)')
  const directory = temporaryDirectory('caddy')
  const port = await freePort()
  const configuration = join(directory.path, 'Caddyfile')
  await writeFile(configuration, `{\n  admin off\n}\n${sites(port)}`)
  const log = Bun.file(join(directory.path, 'log'))
  const caddy = Bun.spawn([program, 'run', '--config', configuration, '--adapter', 'caddyfile'], {
    stdin: 'ignore',
    stdout: log,
    stderr: log,
    cwd: directory.path,
    env: { HOME: directory.path, XDG_CONFIG_HOME: directory.path, XDG_DATA_HOME: directory.path },
  })
  const cancelCleanup = atProcessEnd('kill -KILL "$1"', String(caddy.pid))
  while (!(await accepts(port))) {
    if (caddy.exitCode !== null) throw new Error(`Caddy did not start: ${await log.text()}`)
    await Bun.sleep(5)
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async remove() {
      caddy.kill('SIGKILL')
      await caddy.exited
      cancelCleanup()
      await directory.remove()
    },
  }
}
