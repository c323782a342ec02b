import { Database as Sqlite } from 'bun:sqlite'
import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import type { Log } from '../log.ts'

/** The embedded database cannot be used; the message says why, for whoever started the service. */
export class EmbeddedDatabaseError extends Error {}

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

/**
 * Keeps a second process out of the directory: two writers lose data, and PGlite has no lock of its own. The
 * lock is SQLite's on a file, which the operating system drops with the process, however that ends.
 */
const lockDirectory = (dataDir: string): Sqlite => {
  const lock = new Sqlite(join(dataDir, 'lock'), { create: true })
  try {
    lock.run('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock.close()
    throw new EmbeddedDatabaseError(
      `${dataDir} is in use by another process. The embedded database is for one process: stop the other one, ` +
        'or set DATA_DIR to another directory or DATABASE_URL to a PostgreSQL server.',
      { cause },
    )
  }
}

/** The worker's file; the executable has all other modules in one, `main`, and this beside it. */
const workerUrl = new URL(
  import.meta.path.endsWith('embedded.ts') ? './embedded.worker.ts' : './db/embedded.worker.ts',
  import.meta.url,
)

/** A thread with the engine. */
interface Engine {
  worker: Worker
  /** Resolves when the engine runs. */
  ready: Promise<Worker>
  /** Resolves when the thread has ended, for whatever reason. */
  ended: Promise<unknown>
}

const startEngine = (directory: string): Engine => {
  const worker = new Worker(workerUrl.href)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const ended = new Promise((end) => worker.addEventListener('close', end))
  ended.then(() => reject(new EmbeddedDatabaseError('The embedded database ended while it was starting')))
  worker.onmessage = ({ data }: MessageEvent<'ready' | { failure: string }>) =>
    data === 'ready' ? resolve() : reject(new EmbeddedDatabaseError(data.failure))
  worker.onerror = ({ message }) => reject(new EmbeddedDatabaseError(message))
  worker.postMessage(directory)
  return { worker, ready: promise.then(() => worker), ended }
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

/** Tells that a start takes long, when it does: the first one makes the database and may take some seconds. */
const sayWhenSlow = async <T>(start: Promise<T>, directory: string, log: Log): Promise<T> => {
  const isFirst = !existsSync(join(directory, 'PG_VERSION'))
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
 * @throws {EmbeddedDatabaseError} when another process has it open
 */
export const openEmbedded = (dataDir: string, log: Log): EmbeddedDatabase => {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  chmodSync(dataDir, 0o700)
  const lock = lockDirectory(dataDir)
  const directory = join(dataDir, 'postgres')

  let engine: Engine | undefined
  const running = (): Promise<Worker> => {
    if (!engine) {
      const started = startEngine(directory)
      engine = started
      started.ended.then(() => {
        engine = undefined
      })
      sayWhenSlow(started.ready, directory, log).catch(() => started.worker.terminate())
    }
    return engine.ready
  }
  running()

  return {
    started: running,
    socket: async () => new WorkerSocket(await running()),
    async close() {
      // Also in the middle of making the database, which the next start then does again.
      engine?.worker.terminate()
      await engine?.ended
      lock.close()
    },
  }
}
