import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { atProcessEnd, temporaryDirectory } from './cleanup.ts'
import { freePort } from './ports.ts'

export interface Service {
  url: string
  port: number
  pid: number
  /** Every line that the process has written so far, standard output and standard error. */
  log: string[]
  signal(signal: NodeJS.Signals): void
  /** The exit code; 128 and more when a signal ended it. */
  exited: Promise<number>
  /** Resolves when `/health/ready` answers 200, rejects when it has not within the time. */
  ready(timeoutMs?: number): Promise<void>
  /** Memory of the process now, and the most it ever was, in bytes. */
  rssBytes(): Promise<number>
  peakRssBytes(): Promise<number>
  /** SIGTERM, and SIGKILL when that does not end it in 15 s; gives the exit code. */
  stop(): Promise<number>
  [Symbol.asyncDispose](): Promise<void>
}

export interface ServiceOptions {
  /** A module that is run before the service's own. */
  preload?: string
  /** What is started; the sources when absent. */
  command?: string[]
}

/** The process ended before `/health` answered. */
export class StartFailed extends Error {
  readonly exitCode: number
  readonly log: string[]

  constructor(exitCode: number, log: string[]) {
    super(`The service ended with ${exitCode} before it answered:\n${log.join('\n')}`)
    this.exitCode = exitCode
    this.log = log
  }
}

const repository = join(import.meta.dir, '..', '..')

/**
 * Runs `bun src/main.ts`, or another command, as its own process and resolves when `/health` answers 200. Its
 * environment is `env` and nothing else but PATH, HOME and, where `env` does not say, a free PORT,
 * HOST=127.0.0.1 and a DATA_DIR of its own; its working directory is new and empty, so that no `.env` of the
 * developer reaches it.
 *
 * @throws StartFailed
 */
export async function startService(
  env: Record<string, string>,
  { preload, command }: ServiceOptions = {},
): Promise<Service> {
  const directory = temporaryDirectory('todo-service')
  const port = Number(env.PORT ?? (await freePort()))
  const inherited = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' }
  const defaults = { HOST: '127.0.0.1', PORT: String(port), DATA_DIR: join(directory.path, 'data') }
  const preloaded = preload ? ['--preload', preload] : []
  const sources = [process.execPath, ...preloaded, join(repository, 'src', 'main.ts')]
  const child = Bun.spawn(command ?? sources, {
    cwd: directory.path,
    env: { ...inherited, ...defaults, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const cancelCleanup = atProcessEnd('kill -CONT "$1"; kill -KILL "$1"', String(child.pid))
  const log: string[] = []
  const collected = Promise.all([collectLines(child.stdout, log), collectLines(child.stderr, log)])
  const exited = child.exited.then(async (code) => {
    await collected
    cancelCleanup()
    await directory.remove()
    return code
  })
  const url = `http://127.0.0.1:${port}`

  while (!(await answersOk(`${url}/health`))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new StartFailed(await exited, log)
    await Bun.sleep(10)
  }

  async function ready(timeoutMs = 90_000): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!(await answersOk(`${url}/health/ready`))) {
      if (performance.now() > deadline) throw new Error(`Not ready after ${timeoutMs} ms:\n${log.join('\n')}`)
      await Bun.sleep(10)
    }
  }

  async function stop(): Promise<number> {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
    const code = await exited
    clearTimeout(timer)
    return code
  }

  return {
    url,
    port,
    pid: child.pid,
    log,
    signal: (signal) => child.kill(signal),
    exited,
    ready,
    rssBytes: () => memoryBytes(child.pid, 'VmRSS'),
    peakRssBytes: () => memoryBytes(child.pid, 'VmHWM'),
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}

async function answersOk(url: string): Promise<boolean> {
  return await fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
    async (response) => {
      await response.arrayBuffer()
      return response.status === 200
    },
    () => false,
  )
}

async function collectLines(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  }
  if (rest) lines.push(rest)
}

async function memoryBytes(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  if (!kilobytes) throw new Error(`No ${field} for process ${pid}`)
  return Number(kilobytes) * 1024
}
