import { connect } from 'node:net'

/** An answer as it came over the wire. */
export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  status: number
  /** Names in lower case. */
  headers: Record<string, string>
  body: string
}

/**
 * Writes parts to a connection as they are, and reads the first answer: all that its Content-Length tells, or
 * all until the server closes (to a HEAD, say `Connection: close`). Nothing normalises what is sent.
 */
export const exchange = (port: number, ...parts: (string | Uint8Array)[]): Promise<RawAnswer> => {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  const received: Buffer[] = []
  const socket = connect({ host: '127.0.0.1', port }, () => {
    for (const part of parts) socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part)
  })
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk)
    const answer = parse(received)
    if (answer.status === 0 || Buffer.byteLength(answer.body) !== Number(answer.headers['content-length']))
      return
    resolve(answer)
    socket.destroy()
  })
  socket.on('error', reject)
  socket.on('close', () => resolve(parse(received)))
  return promise
}

const parse = (received: Buffer[]): RawAnswer => {
  const text = Buffer.concat(received).toString()
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return { status: 0, headers: {}, body: '' }
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, body: text.slice(end + 4) }
}
