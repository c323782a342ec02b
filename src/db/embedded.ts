import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { makeDataDir } from '../data-dir.ts'
import type { Log } from '../log.ts'
import { dataDirError, StartError } from '../system-error.ts'
import { lockDirectory } from './directory-lock.ts'
import type { EngineFailure } from './embedded.worker.ts'

/** The embedded database cannot be used. The message is for the person who starts the service. */
export class EmbeddedDatabaseError extends StartError {}

/**
 * A connection to PGlite, for the driver. If it is destroyed without a proper end, the engine is stopped, too: a running
 * statement or half an answer must not reach the next connection.
 */
class WorkerSocket extends Duplex {
  /** postgres.js checks this before it ends a connection. */
  readonly readyState = 'open'
  readonly #worker: Worker
  /** False after a proper end, or the end of the engine. */
  #hasEngine = true

  constructor(worker: Worker) {
    super()
    this.#worker = worker
    worker.onmessage = ({ data }: MessageEvent<Uint8Array>) => this.push(Buffer.from(data))
    worker.addEventListener('close', () => {
      this.#hasEngine = false
      this.destroy()
    })
  }

  override _read() {}

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void) {
    this.#worker.postMessage(Uint8Array.from(chunk))
    done()
  }

  override _final(done: () => void) {
    this.#hasEngine = false
    done()
    this.destroy()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void) {
    if (!this.#hasEngine) return done(error)
    this.#worker.addEventListener('close', () => done(error))
    this.#worker.terminate()
  }
}

/** The worker's file. In the executable, all other modules are bundled in `main`. */
const workerUrl = new URL(
  import.meta.path.endsWith('embedded.ts') ? './embedded.worker.ts' : './db/embedded.worker.ts',
  import.meta.url,
)

/** How long the engine may take to shut down cleanly, on a slow disk. */
const CLOSE_TIMEOUT_MS = 3000

/** A worker thread that runs PGlite. */
interface Engine {
  worker: Worker
  /** Resolves when the engine runs. */
  ready: Promise<Worker>
  /** Resolves when the thread has ended. */
  ended: Promise<unknown>
  /** Shuts the database down, or cancels its start, and ends the thread. */
  close(): Promise<unknown>
}

const notOpened = (directory: string, { code, reason }: Partial<EngineFailure>): StartError =>
  code === undefined
    ? new EmbeddedDatabaseError(`DATA_DIR: the database in ${directory} cannot be opened: ${reason}`)
    : dataDirError(Object.assign(new Error(reason), { code }), directory)

const startEngine = (directory: string): Engine => {
  const worker = new Worker(workerUrl.href)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let isRunning = false
  const started = () => {
    isRunning = true
    resolve()
  }
  const ended = new Promise((end) => worker.addEventListener('close', end))
  ended.then(() => reject(new EmbeddedDatabaseError('The embedded database ended while it was starting')))
  worker.onmessage = ({ data }: MessageEvent<'ready' | EngineFailure>) =>
    data === 'ready' ? started() : reject(notOpened(directory, data))
  worker.onerror = ({ message }) => reject(notOpened(directory, { reason: message }))
  worker.postMessage(directory)
  return {
    worker,
    ready: promise.then(() => worker),
    ended,
    async close() {
      // Without a clean shutdown PostgreSQL skips up to 32 ids, but loses nothing. A start can be cancelled: the next start
      // repeats it.
      if (isRunning) {
        worker.postMessage('close')
        await Promise.race([ended, Bun.sleep(CLOSE_TIMEOUT_MS)])
      }
      worker.terminate()
      await ended
    },
  }
}

/** An embedded PostgreSQL. */
export interface EmbeddedDatabase {
  /** Waits for the engine and connects. PGlite only serves one connection at a time correctly. */
  socket(): Promise<Duplex>
  /**
   * Resolves when the engine runs. The first start has no time limit.
   *
   * @throws {EmbeddedDatabaseError} when it does not start
   */
  started(): Promise<unknown>
  close(): Promise<void>
}

/** The major version of PGlite's PostgreSQL. It cannot open files of another one. */
const POSTGRES_VERSION = '18'

/**
 * Whether there is a database. Checked before the engine starts, because PGlite would create a new database over files that
 * it does not recognize.
 *
 * @throws {StartError} when `directory` holds anything but a database of this version
 */
const hasDatabase = (directory: string): boolean => {
  try {
    const names = existsSync(directory) ? readdirSync(directory) : []
    if (names.length === 0) return false
    if (!names.includes('PG_VERSION'))
      throw new EmbeddedDatabaseError(
        `DATA_DIR: ${directory} holds files but no PG_VERSION. What may be left of a database is not overwritten ` +
          'by a new one: put a backup in its place, or move it away.',
      )
    const version = readFileSync(join(directory, 'PG_VERSION'), 'utf8').trim()
    if (version === POSTGRES_VERSION) return true
    throw new EmbeddedDatabaseError(
      `DATA_DIR: ${directory} was made by PostgreSQL ${version}, and this is PostgreSQL ${POSTGRES_VERSION}. Use the ` +
        'version of this service that made it, or set DATA_DIR to another directory.',
    )
  } catch (error) {
    throw error instanceof StartError ? error : dataDirError(error, directory)
  }
}

/** Logs a line if a start takes longer than a second. */
const sayWhenSlow = async <T>(start: Promise<T>, isFirst: boolean, log: Log): Promise<T> => {
  const timer = setTimeout(
    () => log.info(isFirst ? 'creating the database, which takes some seconds once' : 'opening the database'),
    1000,
  )
  return start.finally(() => clearTimeout(timer))
}

/**
 * Opens the embedded database in `dataDir`. Creates the directory (mode 0700) and the database if they do not exist. If the
 * engine dies, the next connection starts it again.
 *
 * @throws {StartError} when another process has it open, or the directory cannot be used
 */
export const openEmbedded = (dataDir: string, log: Log): EmbeddedDatabase => {
  const warning = makeDataDir(dataDir)
  if (warning) log.warn(warning)
  const directory = join(dataDir, 'postgres')
  const lock = lockDirectory(dataDir, { isNew: !existsSync(directory) })

  let engine: Engine | undefined
  let isClosed = false
  const running = async (): Promise<Worker> => {
    await lock.held
    if (isClosed) throw new EmbeddedDatabaseError('The embedded database is closed')
    if (!engine) {
      const isFirst = !hasDatabase(directory)
      const started = startEngine(directory)
      engine = started
      started.ended.then(() => {
        engine = undefined
      })
      sayWhenSlow(started.ready, isFirst, log).catch(() => started.worker.terminate())
    }
    return engine.ready
  }
  running().catch(() => {})

  return {
    started: running,
    socket: async () => new WorkerSocket(await running()),
    async close() {
      isClosed = true
      await engine?.close()
      lock.release()
    },
  }
}
