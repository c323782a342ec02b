import { connect } from 'node:net'
import { tokenOf } from './load.ts'

/**
 * Many connections of one user, each of which asks for the largest page and reads a part of it now and then. A
 * program of its own (`bun slow-readers.ts URL CONNECTIONS SECONDS PAUSE_MS`), so that it takes no time from whoever
 * watches the service meanwhile. Prints how many answers of each status began, as JSON.
 */

/** Whose tasks are read. */
export const greedy = 'greedy'

/** Asks once, and resolves to the status when the answer has ended. */
const readSlowly = (url: URL, pauseMs: number): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>()
  let status = 'none'
  const socket = connect({ host: url.hostname, port: Number(url.port) }, () =>
    socket.write(
      `GET /api/tasks HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: Bearer ${tokenOf(greedy)}\r\nConnection: close\r\n\r\n`,
    ),
  )
  socket.on('data', (chunk: Buffer) => {
    if (status === 'none') status = chunk.toString('latin1', 9, 12)
    if (pauseMs === 0) return
    socket.pause()
    setTimeout(() => socket.resume(), pauseMs)
  })
  socket.on('error', () => {})
  socket.on('close', () => resolve(status))
  return promise
}

if (import.meta.main) {
  const [url = '', connections, seconds, pauseMs] = process.argv.slice(2)
  const statuses: Record<string, number> = {}
  const deadline = performance.now() + Number(seconds) * 1000
  for (let n = 0; n < Number(connections); n++)
    void (async () => {
      while (performance.now() < deadline) {
        const status = await readSlowly(new URL(url), Number(pauseMs))
        statuses[status] = (statuses[status] ?? 0) + 1
        // As `Retry-After` asks for, though four times sooner.
        if (status !== '200') await Bun.sleep(250)
      }
    })()
  await Bun.sleep(Number(seconds) * 1000)
  console.log(JSON.stringify(statuses))
  process.exit(0)
}
