import { openSync } from 'node:fs'
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { atProcessEnd, temporaryDirectory } from '../support/cleanup.ts'
import { freePort } from '../support/ports.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type Service, startService } from '../support/process.ts'
import { run } from '../support/run.ts'

/** The example's directory. */
export const example = join(import.meta.dir, '../../examples/nextjs')

/** Logs and screenshots of the last run; git-ignored. */
export const artifacts = join(import.meta.dir, 'artifacts')

type Environment = Record<string, string>

/** A program that a test stops and starts again; its address and its data stay. */
export interface Program {
  url: string
  /** Resolves when it answers; what is given here is added to its environment for this time. */
  start(extra?: Environment): Promise<void>
  /** Resolves when the process has ended. */
  stop(): Promise<void>
}

/** The front end and the task API, on free ports, with data of their own. */
export interface Stack {
  api: Program
  frontEnd: Program
  /** The server whose database `todo` has the accounts and the tasks; none where each keeps its own. */
  postgres: PostgresServer | undefined
  stop(): Promise<void>
}

/**
 * How the API knows the front end's tokens, and where the data is: by the front end's public keys, with accounts
 * and tasks in one PostgreSQL database; or by a secret of both, with the accounts in memory and the tasks in the
 * embedded database.
 */
export type Variant = 'key-set' | 'shared-secret'

// Kept on the global object: each test file has modules of its own.
const kept = globalThis as typeof globalThis & { exampleBuilt?: Promise<unknown> }

/** Installs the example's packages and builds it, once in a run. This also checks its types. */
const buildExample = () => {
  kept.exampleBuilt ??= (async () => {
    await mkdir(artifacts, { recursive: true })
    await run([process.execPath, 'install', '--frozen-lockfile'], { cwd: example })
    await run([process.execPath, 'run', 'build'], { cwd: example })
  })()
  return kept.exampleBuilt
}

/** Starts both programs, with an empty database each or together. */
export async function startStack(variant: Variant, environment: Environment = {}): Promise<Stack> {
  const directory = temporaryDirectory('todo-e2e')
  const [frontEndPort, apiPort] = [await freePort(), await freePort()]
  const frontEndUrl = `http://localhost:${frontEndPort}`
  const secret = crypto.getRandomValues(new Uint8Array(32)).toBase64()
  const isShared = variant === 'shared-secret'
  const postgres = isShared ? undefined : await startPostgres()
  const database: Environment = postgres ? { DATABASE_URL: postgres.url() } : {}

  const api = apiProgram({
    ...database,
    ...(isShared ? { BETTER_AUTH_SECRET: secret } : { JWKS_URL: `${frontEndUrl}/api/auth/jwks` }),
    CORS_ORIGINS: frontEndUrl,
    DATA_DIR: join(directory.path, 'data'),
    DATABASE_TIMEOUT_MS: '1000',
    JWT_AUDIENCE: frontEndUrl,
    JWT_ISSUER: frontEndUrl,
    PORT: String(apiPort),
    ...environment,
  })
  const frontEnd = frontEndProgram({
    ...database,
    BETTER_AUTH_SECRET: secret,
    PORT: String(frontEndPort),
    TASKS_API_URL: api.url,
    ...(isShared && { TOKEN_ALGORITHM: 'HS256' }),
  })

  async function stop() {
    await Promise.all([api.stop(), frontEnd.stop()])
    await postgres?.remove()
    await directory.remove()
  }

  await buildExample()
  await Promise.all([api.start(), frontEnd.start()])
  return { api, frontEnd, postgres, stop }
}

function apiProgram(environment: Environment): Program {
  let service: Service | undefined
  return {
    url: `http://localhost:${environment.PORT}`,
    async start(extra) {
      service = await startService({ ...environment, ...extra })
      await service.ready(120_000)
    },
    async stop() {
      if (!service) return
      await service.stop()
      await appendFile(join(artifacts, 'api.log'), `${service.log.join('\n')}\n`)
    },
  }
}

function frontEndProgram(environment: Environment): Program {
  const url = `http://localhost:${environment.PORT}`
  const log = join(artifacts, 'front-end.log')
  let child: Bun.Subprocess | undefined
  let cancelCleanup: (() => void) | undefined

  async function start(extra?: Environment) {
    const { PATH = '', HOME = '' } = process.env
    const next = join(example, 'node_modules', 'next', 'dist', 'bin', 'next')
    const output = openSync(log, 'a')
    const started = Bun.spawn(['node', next, 'start'], {
      cwd: example,
      env: { PATH, HOME, NEXT_TELEMETRY_DISABLED: '1', ...environment, ...extra },
      stdin: 'ignore',
      stdout: output,
      stderr: output,
    })
    child = started
    cancelCleanup = atProcessEnd('kill -KILL "$1"', String(started.pid))
    const answers = () => fetch(`${url}/api/auth/ok`).catch(() => null)
    while (!(await answers())?.ok) {
      if (started.exitCode !== null) throw new Error(`The example did not start: see ${log}`)
      await Bun.sleep(10)
    }
  }

  async function stop() {
    child?.kill()
    await child?.exited
    cancelCleanup?.()
  }

  return { url, start, stop }
}
