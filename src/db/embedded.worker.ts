import { PGlite } from '@electric-sql/pglite'

/**
 * PGlite on a thread of its own: a slow query would otherwise stall every request. It speaks PostgreSQL's wire
 * protocol: a message in is what the client wrote, a message out what the server answers.
 *
 * The first message is the directory of the data; `ready` or `{ failure }` answers it.
 */
declare const self: Worker

self.onmessage = async ({ data: dataDir }: MessageEvent<string>) => {
  try {
    const database = await PGlite.create(dataDir)
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
