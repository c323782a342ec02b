import { PGlite, type PGliteOptions } from '@electric-sql/pglite'
import initdb from '@electric-sql/pglite/initdb.wasm' with { type: 'file' }
import data from '@electric-sql/pglite/pglite.data' with { type: 'file' }
import engine from '@electric-sql/pglite/pglite.wasm' with { type: 'file' }

/**
 * PGlite on a thread of its own: a slow query would otherwise stall every request. It speaks PostgreSQL's wire
 * protocol: a message in is what the client wrote, a message out what the server answers.
 *
 * The first message is the directory of the data; `ready` or `{ failure }` answers it.
 */
declare const self: Worker

const compile = async (path: string) => WebAssembly.compile(await Bun.file(path).arrayBuffer())

/** PGlite would look for its files beside its code, where the executable has none. */
const openDatabase = async (dataDir: string): Promise<PGlite> => {
  const [pgliteWasmModule, initdbWasmModule] = await Promise.all([engine, initdb].map(compile))
  return PGlite.create({
    dataDir,
    fsBundle: Bun.file(data),
    pgliteWasmModule,
    initdbWasmModule,
  } as PGliteOptions)
}

self.onmessage = async ({ data: dataDir }: MessageEvent<string>) => {
  try {
    const database = await openDatabase(dataDir)
    let last: Promise<unknown> = Promise.resolve()
    self.onmessage = ({ data }: MessageEvent<Uint8Array>) => {
      last = last.then(() =>
        // A copy: with a view of it, all of the engine's memory would be cloned.
        database.execProtocolRawStream(data, { onRawData: (answer) => self.postMessage(answer.slice()) }),
      )
    }
    self.postMessage('ready')
  } catch (error) {
    self.postMessage({ failure: error instanceof Error ? error.message : String(error) })
  }
}
