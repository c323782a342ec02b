import fs from 'node:fs'
import { join } from 'node:path'
import { PGlite, type PGliteOptions } from '@electric-sql/pglite'
import initdb from '@electric-sql/pglite/initdb.wasm' with { type: 'file' }
import data from '@electric-sql/pglite/pglite.data' with { type: 'file' }
import engine from '@electric-sql/pglite/pglite.wasm' with { type: 'file' }
import { DurableFiles, putInPlace } from './embedded-files.ts'

/** Why the engine does not run: a system error's code where there is one, and words. */
export interface EngineFailure {
  code: string | undefined
  reason: string
}

/**
 * PGlite on a thread of its own: a slow query would otherwise stall every request. It speaks PostgreSQL's wire
 * protocol: bytes in are what the client wrote, bytes out what the server answers.
 *
 * The first message is the directory of the data; `ready` or an {@link EngineFailure} answers it. The message `close` shuts
 * the database down and ends the thread.
 */
declare const self: Worker

/** PGlite's own parameters turn fsync off; of PostgreSQL's methods only this one reaches {@link DurableFiles}. */
const PARAMETERS = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  ...['-c', 'wal_sync_method=fsync'],
]

/** What PostgreSQL said last before it gave up; PGlite's own errors then only say that it aborted. */
let lastWords: string | undefined

const listen = (text: string): boolean => {
  lastWords = /(?:FATAL|PANIC): +(.+)/.exec(text)?.[1] ?? lastWords
  return false
}

const compile = async (path: string) => WebAssembly.compile(await Bun.file(path).arrayBuffer())

/** Given to PGlite, which would look for them beside its code, where the executable has none. */
const loadParts = async () => {
  const [pgliteWasmModule, initdbWasmModule] = await Promise.all([engine, initdb].map(compile))
  return { pgliteWasmModule, initdbWasmModule, fsBundle: Bun.file(data), onStderr: listen } as PGliteOptions
}

/** Makes the database beside its place: one that is only half made, by a process that was killed, is never opened. */
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
      // A copy: with a view of it, all of the engine's memory would be cloned.
      await database.execProtocolRawStream(data, { onRawData: (answer) => self.postMessage(answer.slice()) })
    })
  }
}

/** Emscripten's numbers for what a disk does; its errors have nothing else to tell. */
const ERRNO_CODES: Record<number, string> = {
  2: 'EACCES',
  19: 'EDQUOT',
  29: 'EIO',
  33: 'EMFILE',
  51: 'ENOSPC',
  63: 'EPERM',
  69: 'EROFS',
}

const failureOf = (error: unknown): EngineFailure => {
  const { code, errno, message } = error as { code?: string; errno?: number; message?: string }
  return {
    code: code ?? ERRNO_CODES[errno ?? -1],
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
