import { openSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dir, '../..')
const example = join(root, 'examples/better-auth')

/** Logs and screenshots of the last run; git-ignored. */
export const artifacts = join(import.meta.dir, 'artifacts')

type Environment = Record<string, string>

/** A program of the stack as an operator has it: started with an environment, stopped with a signal. */
export interface Service {
  /** Its origin, `http://localhost:` and the port that it keeps over restarts. */
  url: string
  /** Resolves when it answers on its ready path; what is given here is added to its environment. */
  start(extra?: Environment): Promise<void>
  /** Resolves when the process has ended. */
  stop(): Promise<void>
}

interface Program {
  name: string
  script: string
  readyPath: string
  port: number
  /** Its working directory: an empty one, so that no `.env` of the checkout is read. */
  cwd: string
  environment: Environment
}

/** A port that was free a moment ago. Bun shares ports between processes silently, hence no guessing. */
function freePort() {
  const probe = Bun.listen({ hostname: 'localhost', port: 0, socket: { data() {} } })
  probe.stop(true)
  return probe.port
}

function service({ name, script, readyPath, port, cwd, environment }: Program): Service {
  const url = `http://localhost:${port}`
  let child: Bun.Subprocess | undefined

  async function start(extra: Environment = {}) {
    const log = join(artifacts, `${name}.log`)
    const output = openSync(log, 'a')
    const { PATH = '', HOME = '' } = process.env
    const env = { PATH, HOME, PORT: `${port}`, ...environment, ...extra }
    const started = Bun.spawn([process.execPath, script], { cwd, env, stdout: output, stderr: output })
    child = started
    const answers = () =>
      fetch(url + readyPath).then(
        (response) => response.ok,
        () => false,
      )
    while (!(await answers())) {
      if (started.exitCode !== null)
        throw new Error(`${name} ended at its start:\n${await Bun.file(log).text()}`)
      await Bun.sleep(50)
    }
  }

  async function stop() {
    child?.kill()
    await child?.exited
  }

  return { url, start, stop }
}

/** The Better Auth example and the task API, on free ports, with data of their own. */
export interface Stack {
  api: Service
  issuer: Service
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
  const install = Bun.spawn([process.execPath, 'install', '--frozen-lockfile'], { cwd: example })
  if ((await install.exited) !== 0) throw new Error('The packages of examples/better-auth did not install')
}

/** Starts both programs, with an empty database each. */
export async function startStack(variant: Variant): Promise<Stack> {
  const directory = await mkdtemp(join(tmpdir(), 'todo-e2e-'))
  const issuerPort = freePort()
  const apiPort = freePort()
  const issuerUrl = `http://localhost:${issuerPort}`
  const issuerDatabase = join(directory, 'auth.sqlite')
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64')
  const trust: Environment =
    variant === 'key-set' ? { JWKS_URL: `${issuerUrl}/api/auth/jwks` } : { BETTER_AUTH_SECRET: secret }

  const issuer = service({
    name: `issuer-${variant}`,
    script: join(example, 'server.ts'),
    readyPath: '/api/auth/ok',
    port: issuerPort,
    cwd: directory,
    environment: {
      API_URL: `http://localhost:${apiPort}`,
      BETTER_AUTH_SECRET: secret,
      DATABASE_FILE: issuerDatabase,
      TOKEN_ALGORITHM: variant === 'key-set' ? 'EdDSA' : 'HS256',
    },
  })
  const api = service({
    name: `api-${variant}`,
    script: join(root, 'src/main.ts'),
    readyPath: '/health/ready',
    port: apiPort,
    cwd: directory,
    environment: {
      ...trust,
      CORS_ORIGINS: issuerUrl,
      DATA_DIR: join(directory, 'data'),
      JWT_AUDIENCE: issuerUrl,
      JWT_ISSUER: issuerUrl,
    },
  })

  async function stop() {
    await Promise.all([api.stop(), issuer.stop()])
    await rm(directory, { recursive: true })
  }

  try {
    await Promise.all([api.start(), issuer.start()])
  } catch (error) {
    await stop()
    throw error
  }
  return { api, issuer, issuerDatabase, stop }
}
