import fs from 'node:fs'
import { join } from 'node:path'
import { PGlite, type PGliteOptions } from '@electric-sql/pglite'
import initdb from '@electric-sql/pglite/initdb.wasm' with { type: 'file' }
import data from '@electric-sql/pglite/pglite.data' with { type: 'file' }
import engine from '@electric-sql/pglite/pglite.wasm' with { type: 'file' }
import { codeOfEngine, DurableFiles, putInPlace } from './embedded-files.ts'

/** Why the engine does not run. `code` is that of a system error. */
export interface EngineFailure {
  code: string | undefined
  reason: string
}

/**
 * Runs PGlite in a worker thread, where a slow statement does not block other requests.
 *
 * The first message is the data directory. The answer is `ready` or an {@link EngineFailure}. After that, messages in both
 * directions are bytes of PostgreSQL's wire protocol. The message `close` shuts the database down and ends the thread.
 */
declare const self: Worker

/** PGlite's default parameters turn fsync off. Only this sync method calls the `fsync` of {@link DurableFiles}. */
const PARAMETERS = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  ...['-c', 'wal_sync_method=fsync'],
]

/** PostgreSQL's last error message. PGlite's own error only says that it aborted. */
let lastWords: string | undefined

const listen = (text: string): boolean => {
  lastWords = /(?:FATAL|PANIC): +(.+)/.exec(text)?.[1] ?? lastWords
  return false
}

const compile = async (path: string) => WebAssembly.compile(await Bun.file(path).arrayBuffer())

/** Loads PGlite's files. In the executable, PGlite would not find them by itself. */
const loadParts = async () => {
  const [pgliteWasmModule, initdbWasmModule] = await Promise.all([engine, initdb].map(compile))
  return { pgliteWasmModule, initdbWasmModule, fsBundle: Bun.file(data), onStderr: listen } as PGliteOptions
}

/** Creates the database in another directory and renames that. A database that is only half made is never opened. */
const makeDatabase = async (directory: string, parts: PGliteOptions): Promise<void> => {
  const draft = `${directory}.new`
  fs.rmSync(draft, { recursive: true, force: true })
  try {
    const database = await PGlite.create({ ...parts, dataDir: draft })
    await database.close()
    await putInPlace(draft, directory)
  } finally {
    fs.rmSync(draft, { recursive: true, force: true })
  }
}

const serve = (database: PGlite): void => {
  let last: Promise<unknown> = Promise.resolve()
  self.onmessage = ({ data }: MessageEvent<Uint8Array | 'close'>) => {
    last = last.then(async () => {
      if (data === 'close') {
        await database.close()
        process.exit()
      }
      // A copy: posting a view would clone all of the engine's memory.
      await database.execProtocolRawStream(data, { onRawData: (answer) => self.postMessage(answer.slice()) })
    })
  }
}

const failureOf = (error: unknown): EngineFailure => {
  const { code, errno, message } = error as { code?: string; errno?: number; message?: string }
  return {
    code: code ?? codeOfEngine(errno),
    reason: lastWords ?? message ?? `error ${JSON.stringify(error)}`,
  }
}

self.onmessage = async ({ data: directory }: MessageEvent<string>) => {
  try {
    const parts = await loadParts()
    if (!fs.existsSync(join(directory, 'PG_VERSION'))) await makeDatabase(directory, parts)
    serve(await PGlite.create({ ...parts, fs: new DurableFiles(directory), startParams: PARAMETERS }))
    self.postMessage('ready')
  } catch (error) {
    self.postMessage(failureOf(error))
  }
}
