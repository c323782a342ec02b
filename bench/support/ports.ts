import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'

const LISTENING = '0A'

/** A TCP port of 127.0.0.1 that nothing uses at this moment. */
export async function findFreePort(): Promise<number> {
  const server = createServer()
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  await new Promise((resolve) => server.close(resolve))
  return port
}

/**
 * Throws unless exactly `expected` sockets listen on the port. Two Bun processes share a port without a
 * word (`SO_REUSEPORT`), and a connection is then answered by either, so trying to bind proves nothing: the
 * kernel's own table does.
 */
export async function assertListeners(port: number, expected: 0 | 1): Promise<void> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8')))
  const listeners = tables
    .flatMap((table) => table.trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(suffix) && state === LISTENING)
  if (listeners.length !== expected) {
    throw new Error(
      `port ${port} has ${listeners.length} listening sockets, not ${expected}: is another server on it?`,
    )
  }
}
