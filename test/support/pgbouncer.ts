import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Subprocess } from 'bun'
import { atProcessEnd, temporaryDirectory } from './cleanup.ts'
import { accepts, freePort } from './ports.ts'
import { giveToUnprivileged, unprivileged } from './unprivileged.ts'

export interface PgBouncerOptions {
  /** The URL of a database on the server to stand in front of: its address, role and password are used. */
  upstream: string
  poolMode?: 'session' | 'transaction' | 'statement'
  /** Connections to the server for each pair of database and role. */
  poolSize?: number
  maxClients?: number
  /** More lines for the section [pgbouncer], such as max_prepared_statements from 1.21 on. */
  settings?: Record<string, string | number>
}

export interface PgBouncer {
  port: number
  url(database?: string): string
  /** Resolves when connections are accepted. */
  start(): Promise<void>
  /** Ends it with all its connections, as `systemctl restart` would. */
  stop(): Promise<void>
  restart(): Promise<void>
  kill(): Promise<void>
  remove(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The program, or null when PgBouncer is not installed. */
export function findPgBouncer(): string | null {
  return Bun.which('pgbouncer', { PATH: `${process.env.PATH}:/usr/sbin` })
}

/** Starts a PgBouncer, in transaction mode unless told otherwise. It ends with this process. */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  const program = findPgBouncer()
  if (!program) throw new Error('PgBouncer is not installed (Debian: apt-get install pgbouncer)')
  const upstream = new URL(options.upstream)
  const directory = temporaryDirectory('pgbouncer')
  const port = await freePort()
  const configuration = join(directory.path, 'pgbouncer.ini')
  const users = join(directory.path, 'users.txt')
  const database = decodeURIComponent(upstream.pathname.slice(1))

  await writeFile(users, `"${upstream.username}" "${upstream.password}"\n`)
  await writeFile(configuration, configurationOf(options, upstream, port, users))
  await giveToUnprivileged(directory.path, configuration, users)

  let bouncer: Subprocess | null = null
  let cancelCleanup = () => {}

  async function start(): Promise<void> {
    const log = Bun.file(join(directory.path, 'pgbouncer.log'))
    const output = { stdin: 'ignore', stdout: log, stderr: log, cwd: directory.path } as const
    const started = Bun.spawn(unprivileged([program as string, configuration]), output)
    bouncer = started
    cancelCleanup = atProcessEnd('kill -KILL "$1"', String(started.pid))
    while (!(await accepts(port))) {
      if (started.exitCode !== null) throw new Error(`pgbouncer did not start: ${await log.text()}`)
      await Bun.sleep(5)
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!bouncer) return
    bouncer.kill(signal)
    await bouncer.exited
    cancelCleanup()
    bouncer = null
  }

  async function remove(): Promise<void> {
    await end('SIGKILL')
    await directory.remove()
  }

  await start()

  return {
    port,
    url: (name = database) =>
      `postgres://${upstream.username}:${upstream.password}@127.0.0.1:${port}/${name}`,
    start,
    stop: () => end('SIGTERM'),
    async restart() {
      await end('SIGTERM')
      await start()
    },
    kill: () => end('SIGKILL'),
    remove,
    [Symbol.asyncDispose]: remove,
  }
}

/**
 * No startup parameter is ignored on purpose: hosted poolers refuse the unknown ones as well, and a service
 * that sends one must be found out here.
 */
function configurationOf(options: PgBouncerOptions, upstream: URL, port: number, users: string): string {
  const settings: Record<string, string | number> = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    pool_mode: options.poolMode ?? 'transaction',
    default_pool_size: options.poolSize ?? 20,
    max_client_conn: options.maxClients ?? 500,
    ...options.settings,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  const server = `* = host=${upstream.hostname} port=${upstream.port || 5432}`
  return ['[databases]', server, '[pgbouncer]', ...lines, ''].join('\n')
}
