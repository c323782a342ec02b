import { join } from 'node:path'
import { assertListeners, findFreePort } from './ports.ts'

const ROOT = join(import.meta.dir, '../..')
const PEERS = join(import.meta.dir, '../peers')
const READY_TIMEOUT_MS = 30_000
const READY_POLL_MS = 2

interface ServerProgram {
  label: string
  command: string[]
  directory: string
  /** Answers 200 once the server can serve. */
  readyPath: string
}

/** `.env` of the working directory is for development, and must not reach what is measured. */
const bun = [process.execPath, '--no-env-file']

/** Everything that can be measured. The service comes first: the peers' table is filled from its own. */
export const programs = {
  service: {
    label: 'todo-backend',
    command: [...bun, 'src/main.ts'],
    directory: ROOT,
    readyPath: '/health/ready',
  },
  floor: { label: 'floor', command: [...bun, 'floor.ts'], directory: PEERS, readyPath: '/health' },
  'bun-sql': {
    label: 'floor, Bun.sql',
    command: [...bun, 'floor.ts', '--bun-sql'],
    directory: PEERS,
    readyPath: '/health',
  },
  hono: { label: 'Hono', command: [...bun, 'hono.ts'], directory: PEERS, readyPath: '/health' },
  fastify: { label: 'Fastify', command: ['node', 'fastify.js'], directory: PEERS, readyPath: '/health' },
} satisfies Record<string, ServerProgram>

export type ServerName = keyof typeof programs

/** Narrows a name given on the command line. */
export const isServerName = (name: string): name is ServerName => Object.hasOwn(programs, name)

/** The table that a server keeps its tasks in. */
export const tableOf = (name: ServerName) => (name === 'service' ? 'tasks' : 'lean_tasks')

/** A server that is ready. Disposing of it stops it. */
export interface RunningServer extends AsyncDisposable {
  name: ServerName
  label: string
  url: string
  port: number
  pid: number
  /** From starting the process to its first ready answer. */
  startMs: number
}

export interface ServerSettings {
  databaseUrl: string
  secret: string
}

/**
 * Starts a server as its own process on a free port and waits until it is ready. Its output is thrown away,
 * as a collector would take it, but for what it complains of before it is ready.
 */
export async function startServer(name: ServerName, settings: ServerSettings): Promise<RunningServer> {
  const program: ServerProgram = programs[name]
  const port = await findFreePort()
  await assertListeners(port, 0)

  const startedAt = performance.now()
  const child = Bun.spawn(program.command, {
    cwd: program.directory,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATABASE_URL: settings.databaseUrl,
      BETTER_AUTH_SECRET: settings.secret,
      HOST: '127.0.0.1',
      PORT: String(port),
      ENVIRONMENT: 'production',
      NODE_ENV: 'production',
      LOG_LEVEL: 'info',
    },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'inherit',
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await child.exited
  }

  const url = `http://127.0.0.1:${port}`
  try {
    while (!(await answersOk(url + program.readyPath))) {
      if (child.exitCode !== null) throw new Error(`${program.label} ended with exit code ${child.exitCode}`)
      if (performance.now() - startedAt > READY_TIMEOUT_MS) throw new Error(`${program.label} is not ready`)
      await Bun.sleep(READY_POLL_MS)
    }
    const startMs = performance.now() - startedAt
    await assertListeners(port, 1)
    return { name, label: program.label, url, port, pid: child.pid, startMs, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Whether a GET is answered 200; false also while nothing listens. */
async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url).catch(() => null)
  await response?.body?.cancel()
  return response?.status === 200
}
