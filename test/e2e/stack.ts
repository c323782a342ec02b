import { openSync } from 'node:fs'
import { appendFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { atProcessEnd, temporaryDirectory } from '../support/cleanup.ts'
import { freePort } from '../support/ports.ts'
import { type Service, startService } from '../support/process.ts'
import { run } from '../support/run.ts'

/** The example's directory. */
export const example = join(import.meta.dir, '../../examples/better-auth')

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

/** The Better Auth example and the task API, on free ports, with data of their own. */
export interface Stack {
  api: Program
  issuer: Program
  /** The issuer's SQLite file, for a test that rotates keys as an administrator would. */
  issuerDatabase: string
  stop(): Promise<void>
}

/** Whether the API fetches the issuer's public keys, or shares its secret. */
export type Variant = 'key-set' | 'shared-secret'

/** Empties `artifacts`, and installs the example's packages where they are missing. */
export async function prepare() {
  await rm(artifacts, { recursive: true, force: true })
  await mkdir(artifacts)
  await run([process.execPath, 'install', '--frozen-lockfile'], { cwd: example })
}

/** Starts both programs, with an empty database each. */
export async function startStack(variant: Variant): Promise<Stack> {
  const directory = temporaryDirectory('todo-e2e')
  const [issuerPort, apiPort] = [await freePort(), await freePort()]
  const issuerUrl = `http://localhost:${issuerPort}`
  const issuerDatabase = join(directory.path, 'auth.sqlite')
  const secret = crypto.getRandomValues(new Uint8Array(32)).toBase64()
  const trust: Environment =
    variant === 'key-set' ? { JWKS_URL: `${issuerUrl}/api/auth/jwks` } : { BETTER_AUTH_SECRET: secret }

  const api = apiProgram({
    ...trust,
    CORS_ORIGINS: issuerUrl,
    DATA_DIR: join(directory.path, 'data'),
    JWT_AUDIENCE: issuerUrl,
    JWT_ISSUER: issuerUrl,
    PORT: String(apiPort),
  })
  const issuer = issuerProgram(directory.path, {
    API_URL: api.url,
    BETTER_AUTH_SECRET: secret,
    DATABASE_FILE: issuerDatabase,
    PORT: String(issuerPort),
    TOKEN_ALGORITHM: variant === 'key-set' ? 'EdDSA' : 'HS256',
  })

  async function stop() {
    await Promise.all([api.stop(), issuer.stop()])
    await directory.remove()
  }

  await Promise.all([api.start(), issuer.start()])
  return { api, issuer, issuerDatabase, stop }
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

/** `cwd` is not the example's own directory, so that no `.env` of the developer reaches it. */
function issuerProgram(cwd: string, environment: Environment): Program {
  const url = `http://localhost:${environment.PORT}`
  const log = join(artifacts, 'issuer.log')
  let child: Bun.Subprocess | undefined
  let cancelCleanup: (() => void) | undefined

  async function start(extra?: Environment) {
    const { PATH = '', HOME = '' } = process.env
    const started = Bun.spawn([process.execPath, join(example, 'server.ts')], {
      cwd,
      env: { PATH, HOME, ...environment, ...extra },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: openSync(log, 'a'),
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
