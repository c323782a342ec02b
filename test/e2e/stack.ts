import { openSync } from 'node:fs'
import { appendFile, cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { atProcessEnd, temporaryDirectory } from '../support/cleanup.ts'
import { freePort } from '../support/ports.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type Service, startService } from '../support/process.ts'
import { run } from '../support/run.ts'
import { eventually } from './eventually.ts'
import { readRecipe } from './readme.ts'

const repository = join(import.meta.dir, '../..')

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

/** The task API, whose clock a test sets. */
export interface Api extends Program {
  /** Lets what it remembers become 10 minutes older; resolves when that has happened. */
  passTenMinutes(): Promise<void>
}

/** The front end and the task API, on free ports, with data of their own. */
export interface Stack {
  kind: TokenKind
  api: Api
  frontEnd: Program
  /** The server whose database `todo` has the accounts and the tasks; none where each keeps its own. */
  postgres: PostgresServer | undefined
  stop(): Promise<void>
}

/** How the API knows the front end's tokens: by the front end's public keys, or by a secret of both. */
export const tokenKinds = ['key-set', 'shared-secret'] as const
export type TokenKind = (typeof tokenKinds)[number]

// Kept on the global object: each test file has modules of its own.
const kept = globalThis as typeof globalThis & { example?: Promise<string> }

/**
 * Builds a copy of the example, once in a run, and gives its directory; this also checks its types. The copy has a page
 * more, `/readme`: the one that the README gives to copy.
 */
export const buildExample = (): Promise<string> => {
  kept.example ??= (async () => {
    await mkdir(artifacts, { recursive: true })
    const { path } = temporaryDirectory('todo-example')
    const example = join(path, 'examples', 'nextjs')
    for (const part of ['examples/nextjs', 'src/client'])
      await cp(join(repository, part), join(path, part), {
        recursive: true,
        filter: (name) => !/[/](node_modules|[.]next)$/.test(name),
      })
    const recipe = await readRecipe('In a server component or route handler')
    const page = recipe.replaceAll("'http://localhost:8000", "process.env.TASKS_API_URL + '")
    await Bun.write(join(example, 'app', 'readme', 'page.tsx'), page)
    await run([process.execPath, 'install', '--frozen-lockfile'], { cwd: example })
    await run([process.execPath, 'run', 'build'], { cwd: example })
    return example
  })()
  return kept.example
}

interface StackOptions {
  /** For the API. */
  environment?: Environment
  /** False: the accounts are kept in memory and the tasks in the embedded database. */
  hasPostgres?: boolean
}

/** Starts both programs, with accounts and tasks in one empty PostgreSQL database. */
export async function startStack(
  kind: TokenKind,
  { environment = {}, hasPostgres = true }: StackOptions = {},
): Promise<Stack> {
  const directory = temporaryDirectory('todo-e2e')
  const [frontEndPort, apiPort] = [await freePort(), await freePort()]
  const frontEndUrl = `http://localhost:${frontEndPort}`
  const secret = crypto.getRandomValues(new Uint8Array(32)).toBase64()
  const isShared = kind === 'shared-secret'
  const postgres = hasPostgres ? await startPostgres() : undefined
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
  const frontEnd = frontEndProgram(await buildExample(), {
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

  await Promise.all([api.start(), frontEnd.start()])
  return { kind, api, frontEnd, postgres, stop }
}

function apiProgram(environment: Environment): Api {
  const preload = join(import.meta.dir, 'ten-minutes-later.preload.ts')
  let service: Service | undefined

  /** How often it has said that 10 minutes are over. */
  const passed = () => service?.log.filter((line) => line === 'ten minutes later').length ?? 0

  return {
    url: `http://localhost:${environment.PORT}`,
    async start(extra) {
      service = await startService({ ...environment, ...extra }, { preload })
      await service.ready(120_000)
    },
    async passTenMinutes() {
      const before = passed()
      service?.signal('SIGUSR2')
      await eventually(passed, before + 1)
    },
    async stop() {
      if (!service) return
      await service.stop()
      await appendFile(join(artifacts, 'api.log'), `${service.log.join('\n')}\n`)
    },
  }
}

function frontEndProgram(example: string, environment: Environment): Program {
  const url = `http://localhost:${environment.PORT}`
  const log = join(artifacts, 'front-end.log')
  let child: Bun.Subprocess | undefined
  let cancelCleanup: (() => void) | undefined

  async function start(extra?: Environment) {
    const { PATH = '', HOME = '' } = process.env
    const next = join(example, 'node_modules', 'next', 'dist', 'bin', 'next')
    const output = openSync(log, 'a')
    // Node.js closes connections that were idle for five seconds, at times just when a test sends its next request.
    const started = Bun.spawn(['node', next, 'start', '--keepAliveTimeout', '600000'], {
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
