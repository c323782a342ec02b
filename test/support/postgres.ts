import { existsSync, globSync } from 'node:fs'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Subprocess } from 'bun'
import { type CertificateFiles, createCertificate } from './certificate.ts'
import { atProcessEnd, temporaryDirectory } from './cleanup.ts'
import { freePort } from './ports.ts'
import { childrenOf, isAlive, signalAll } from './process-tree.ts'
import { run } from './run.ts'
import { giveToUnprivileged, unprivileged } from './unprivileged.ts'

export interface PostgresOptions {
  /** TLS with a self-made certificate for `localhost`; connections without TLS still work. */
  tls?: boolean
  /** Keeps what a crash of the machine would lose (fsync and so on). Off, the server is much faster. */
  durable?: boolean
  /** Lines for postgresql.conf. */
  settings?: Record<string, string | number>
  maxConnections?: number
  /** Follows this server instead of being one of its own, until it is promoted. */
  standbyOf?: PostgresServer
}

/** How to stop: wait for clients, disconnect them, or end like a crash that is recovered from at start. */
export type StopMode = 'smart' | 'fast' | 'immediate'

export interface PostgresServer {
  host: string
  port: number
  /** The directory of its Unix socket, over which the superuser and standbys need no password. */
  socketDirectory: string
  /** With `tls`: the certificate of the authority that the server's own was made by. */
  caFile?: string
  /** A URL with name and password of an ordinary role that may create databases and owns `todo`. */
  url(database?: string, params?: Record<string, string>): string
  /** Creates an empty database, with a made-up name when none is given, and gives its URL. */
  createDatabase(name?: string): Promise<string>
  /**
   * Runs SQL as the superuser, who gets in even when all ordinary slots are taken, in the database `todo`
   * unless told otherwise; gives unaligned rows.
   */
  psql(sql: string, database?: string): Promise<string>
  stop(mode: StopMode): Promise<void>
  /** Resolves when the server accepts connections. */
  start(): Promise<void>
  /** `kill -9` of the server and all its backends; resolves when all are gone. */
  kill(): Promise<void>
  /** Stops every process where it is: connections stay open and are never answered. */
  suspend(): void
  resume(): void
  /** Kills the server and deletes its files. */
  remove(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const role = 'todo'
const password = 'only-for-tests'
const stopSignals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const

/** The directory with `initdb` and `postgres`, or null when PostgreSQL's server is not installed. */
export function findPostgres(): string | null {
  const configured =
    Bun.which('pg_config') && Bun.spawnSync(['pg_config', '--bindir']).stdout.toString().trim()
  const versions = globSync('/usr/lib/postgresql/*/bin').sort(
    new Intl.Collator('en', { numeric: true }).compare,
  )
  const onPath = (process.env.PATH ?? '').split(':')
  const candidates = [configured, ...versions.reverse(), ...onPath]
  return (
    candidates.find((path) => path && ['initdb', 'postgres'].every((name) => existsSync(join(path, name)))) ??
    null
  )
}

// Kept on the global object: test files do not share their modules.
const kept = globalThis as typeof globalThis & { madeByInitdb?: Promise<string> }

/** A data directory as `initdb` makes it, to be copied: that takes a tenth of the time. */
function madeByInitdb(programs: string): Promise<string> {
  kept.madeByInitdb ??= runInitdb(programs)
  return kept.madeByInitdb
}

async function runInitdb(programs: string): Promise<string> {
  const { path } = temporaryDirectory('postgres-initdb')
  const [data, passwordFile] = [join(path, 'data'), join(path, 'password')]
  await writeFile(passwordFile, password)
  await giveToUnprivileged(path, passwordFile)
  const access = ['--auth-local=trust', '--auth-host=scram-sha-256', '--username=postgres']
  const initdb = [join(programs, 'initdb'), '--no-sync', '--encoding=UTF8', '--locale=C.UTF-8', ...access]
  await run(unprivileged([...initdb, `--pgdata=${data}`, `--pwfile=${passwordFile}`]), { cwd: path })
  return data
}

/** Creates and starts a server of one's own on a free port of loopback. It ends with this process. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const programs = findPostgres()
  if (!programs) throw new Error("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
  const directory = temporaryDirectory('postgres')
  const data = join(directory.path, 'data')
  const port = await freePort()
  const host = options.tls ? 'localhost' : '127.0.0.1'

  await giveToUnprivileged(directory.path)
  const certificate = options.tls ? await createCertificate(directory.path) : null
  if (certificate) {
    await chmod(certificate.keyFile, 0o600)
    await giveToUnprivileged(certificate.keyFile)
  }
  const { standbyOf } = options
  const source = standbyOf && `host=${standbyOf.socketDirectory} port=${standbyOf.port} user=postgres`
  const create = source
    ? [join(programs, 'pg_basebackup'), `--pgdata=${data}`, `--dbname=${source}`, '--checkpoint=fast']
    : ['cp', '-r', await madeByInitdb(programs), data]
  await run(unprivileged(create), { cwd: directory.path })
  const following = source ? { primary_conninfo: source } : {}
  const settings = settingsOf(
    { ...options, settings: { ...following, ...options.settings } },
    host,
    port,
    directory.path,
    certificate,
  )
  await writeFile(join(data, 'postgresql.auto.conf'), settings)
  if (source) await writeFile(join(data, 'standby.signal'), '')

  let server: Subprocess | null = null
  let cancelCleanup = () => {}

  async function start(): Promise<void> {
    const log = Bun.file(join(directory.path, 'server.log'))
    const output = { stdin: 'ignore', stdout: log, stderr: log, cwd: directory.path } as const
    const started = Bun.spawn(unprivileged([join(programs as string, 'postgres'), '-D', data]), output)
    server = started
    cancelCleanup = atProcessEnd('kill -CONT "$1"; kill -KILL "$1"', String(started.pid))
    while (!(await isReady(data, started.pid))) {
      if (started.exitCode !== null) throw new Error(`postgres did not start: ${await log.text()}`)
      await Bun.sleep(5)
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!server) return
    const all = processes()
    signalAll(signal === 'SIGKILL' ? all : [server.pid], signal)
    await server.exited
    while (all.some(isAlive)) await Bun.sleep(5)
    cancelCleanup()
    server = null
  }

  function processes(): number[] {
    return server ? [server.pid, ...childrenOf(server.pid)] : []
  }

  function url(database: string = role, params: Record<string, string> = {}): string {
    const query = new URLSearchParams(params).toString()
    return `postgres://${role}:${password}@${host}:${port}/${database}${query ? `?${query}` : ''}`
  }

  async function psql(sql: string, database = role): Promise<string> {
    const format = ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1']
    const where = [
      `--host=${directory.path}`,
      `--port=${port}`,
      '--username=postgres',
      `--dbname=${database}`,
    ]
    const out = await run([join(programs as string, 'psql'), ...format, ...where], { input: sql })
    return out.trimEnd()
  }

  async function createDatabase(name = `test_${crypto.randomUUID().replaceAll('-', '')}`): Promise<string> {
    await psql(`create database "${name}" owner ${role}`)
    return url(name)
  }

  async function remove(): Promise<void> {
    await end('SIGKILL')
    await directory.remove()
  }

  await start()
  if (!standbyOf) await createRole()

  async function createRole(): Promise<void> {
    const ownDatabase = `create database ${role} owner ${role}`
    await psql(`create role ${role} login createdb password '${password}'; ${ownDatabase}`, 'postgres')
  }

  return {
    host,
    port,
    socketDirectory: directory.path,
    ...(certificate ? { caFile: certificate.caFile } : {}),
    url,
    createDatabase,
    psql,
    stop: (mode) => end(stopSignals[mode]),
    start,
    kill: () => end('SIGKILL'),
    suspend: () => signalAll(processes(), 'SIGSTOP'),
    resume: () => signalAll(processes(), 'SIGCONT'),
    remove,
    [Symbol.asyncDispose]: remove,
  }
}

function settingsOf(
  options: PostgresOptions,
  host: string,
  port: number,
  socketDirectory: string,
  certificate: CertificateFiles | null,
): string {
  const settings: Record<string, string | number> = {
    listen_addresses: host,
    port,
    unix_socket_directories: socketDirectory,
    max_connections: options.maxConnections ?? 100,
    shared_buffers: '32MB',
    // In the data directory: a server that is killed leaves the files behind.
    dynamic_shared_memory_type: 'mmap',
    ...(options.durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...(certificate
      ? { ssl: 'on', ssl_cert_file: certificate.certificateFile, ssl_key_file: certificate.keyFile }
      : {}),
    ...options.settings,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`)
    .join('')
}

/**
 * Whether the server with this process id accepts connections, told the way `pg_ctl` does: it writes so into
 * its pid file (line 1 the id, line 8 the state). No connection is made that a test would have to count.
 */
async function isReady(data: string, pid: number): Promise<boolean> {
  const lines = await readFile(join(data, 'postmaster.pid'), 'utf8').then(
    (text) => text.split('\n'),
    () => [],
  )
  return Number(lines[0]) === pid && /^(ready|standby)$/.test(lines[7]?.trim() ?? '')
}
