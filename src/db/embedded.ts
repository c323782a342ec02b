import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { makeDataDir } from '../data-dir.ts'
import type { Log } from '../log.ts'
import { dataDirError, StartError } from '../system-error.ts'
import { lockDirectory } from './directory-lock.ts'
import type { EngineFailure } from './embedded.worker.ts'

/** The embedded database cannot be used; the message says why, for whoever started the service. */
export class EmbeddedDatabaseError extends StartError {}

/**
 * PGlite's end of the wire, looking to the driver like a connected socket. Without a goodbye its end is the
 * engine's, too: what that still does, and half an answer, must not reach the next connection.
 */
class WorkerSocket extends Duplex {
  /** What postgres.js asks before it says goodbye. */
  readonly readyState = 'open'
  readonly #worker: Worker
  /** Until its own end, or the engine's. */
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

/** The worker's file; the executable has all other modules in one, `main`, and this beside it. */
const workerUrl = new URL(
  import.meta.path.endsWith('embedded.ts') ? './embedded.worker.ts' : './db/embedded.worker.ts',
  import.meta.url,
)

/** How long the engine may take to shut down cleanly, on a slow disk. */
const CLOSE_TIMEOUT_MS = 3000

/** A thread with the engine. */
interface Engine {
  worker: Worker
  /** Resolves when the engine runs. */
  ready: Promise<Worker>
  /** Resolves when the thread has ended, for whatever reason. */
  ended: Promise<unknown>
  /** Shuts the database down, or gives up its start, and ends the thread. */
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
      // Without a clean end PostgreSQL skips up to 32 ids, and loses nothing. A start under way is given up: the next
      // one does it again.
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
  /** Connects the driver, once the engine runs; one connection at a time is all that PGlite serves correctly. */
  socket(): Promise<Duplex>
  /**
   * Resolves when the engine runs, however long its first start takes.
   *
   * @throws {EmbeddedDatabaseError} when it does not start
   */
  started(): Promise<unknown>
  close(): Promise<void>
}

/** The major version of PGlite's PostgreSQL, which opens no other one's files. */
const POSTGRES_VERSION = '18'

/**
 * Looks for a database before the engine does, which would make a new one over what it does not know.
 *
 * @throws {StartError} when `directory` holds something else than a database of this version
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

/** Tells that a start takes long, when it does: the first one makes the database and may take some seconds. */
const sayWhenSlow = async <T>(start: Promise<T>, isFirst: boolean, log: Log): Promise<T> => {
  const timer = setTimeout(
    () => log.info(isFirst ? 'creating the database, which takes some seconds once' : 'opening the database'),
    1000,
  )
  return start.finally(() => clearTimeout(timer))
}

/**
 * Opens the embedded database in `dataDir`, making the directory (mode 0700) and the database as needed. A
 * worker that died is started again by the next connection.
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
