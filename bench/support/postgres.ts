import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import type { MeasuredDatabase } from './measure.ts'
import { findFreePort } from './ports.ts'
import { runCommand } from './run-command.ts'

/**
 * What differs from PostgreSQL's defaults. Durability is untouched (`fsync` and `synchronous_commit` stay
 * on). Autovacuum and timed checkpoints would fall into one server's turn and not another's, so the runner
 * vacuums between the turns instead.
 */
const SETTINGS = {
  fsync: 'on',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
}

/** A PostgreSQL of this run alone. Disposing of it stops it and removes its files. */
export interface ThrowawayPostgres extends MeasuredDatabase, AsyncDisposable {
  url: string
}

/** PostgreSQL refuses to run as root: then everything it does is done as Debian's user for it. */
const asUnprivileged = (command: string[]) =>
  process.getuid?.() === 0
    ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', ...command]
    : command

/** Initialises and starts a cluster in a temporary directory, on a free port of the loopback interface. */
export async function startPostgres(): Promise<ThrowawayPostgres> {
  const programs = await runCommand(['pg_config', '--bindir'])
  const directory = await mkdtemp(join(tmpdir(), 'bench-postgres-'))
  const data = join(directory, 'data')
  const passwordFile = join(directory, 'password')
  const password = crypto.randomUUID()
  const run = (program: string, ...args: string[]) =>
    runCommand(asUnprivileged([join(programs, program), '-D', data, ...args]), directory)

  try {
    await Bun.write(passwordFile, password)
    if (process.getuid?.() === 0) await runCommand(['chown', '-R', 'postgres:postgres', directory])
    await run(
      'initdb',
      '-U',
      'bench',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-E',
      'UTF8',
      '--locale=C',
    )
    const port = await findFreePort()
    const settings = Object.entries({ ...SETTINGS, port }).map(([name, value]) => `-c ${name}='${value}'`)
    await run('pg_ctl', '-w', '-l', join(directory, 'log'), '-o', settings.join(' '), 'start')
    const pid = Number((await Bun.file(join(data, 'postmaster.pid')).text()).split('\n')[0])
    const url = `postgres://bench:${password}@127.0.0.1:${port}/postgres`
    const sql = postgres(url, { max: 1, onnotice: () => {} })
    return {
      url,
      pid,
      async readWalBytes() {
        const [row] = await sql`select pg_current_wal_insert_lsn() - '0/0' as bytes`
        return Number(row?.bytes)
      },
      async [Symbol.asyncDispose]() {
        await sql.end()
        await run('pg_ctl', '-w', '-m', 'fast', 'stop')
        await rm(directory, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}
