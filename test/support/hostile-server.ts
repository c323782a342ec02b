import { createServer, type Socket } from 'node:net'
import { freePort } from './ports.ts'

export interface HostileServer {
  /** By an address that is this machine's, and not known as such. */
  url(parameters?: string): string
  /** All that clients have sent. */
  received(): string
  [Symbol.asyncDispose](): Promise<void>
}

/** A message of PostgreSQL's protocol, with its own length unless told otherwise. */
export function message(type: string, content: string | Buffer = '', length?: number): Buffer {
  const body = Buffer.from(content)
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeUInt32BE(length ?? body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** A message `Authentication…`. */
export function authentication(code: number, content = ''): Buffer {
  return message('R', Buffer.concat([Buffer.from([0, 0, 0, code]), Buffer.from(content)]))
}

export type Said = Buffer | ((heard: string) => Buffer)

/** A server that answers each thing it is told with the next of what it was given to say. */
export async function startHostileServer(says: Said[]): Promise<HostileServer> {
  const port = await freePort()
  const sockets = new Set<Socket>()
  let received = ''
  const server = createServer((socket) => {
    sockets.add(socket)
    let turn = 0
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      const said = says[turn]
      turn += 1
      if (said) socket.write(typeof said === 'function' ? said(chunk.toString('latin1')) : said)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '0.0.0.0', resolve))
  return {
    url: (parameters = 'sslmode=disable') => `postgres://user:pass-word@0.0.0.0:${port}/todo?${parameters}`,
    received: () => received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
