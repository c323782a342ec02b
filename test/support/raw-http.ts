/** An answer as it came over the wire. */
export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  status: number
  /** Names in lower case. */
  headers: Record<string, string>
  body: string
}

/**
 * Writes parts to a connection as they are, and reads the first answer until the server closes it (say
 * `Connection: close`). Nothing normalises what is sent.
 *
 * The two directions are independent: a server that answers early may close while there is more to be written,
 * and what it answered is read all the same.
 */
export const exchange = async (port: number, ...parts: (string | Uint8Array)[]): Promise<RawAnswer> => {
  const received: Uint8Array[] = []
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data: (_socket, chunk) => void received.push(Uint8Array.from(chunk)),
      drain: () => flush(),
      error: () => close(),
      close: () => close(),
    },
  })
  let unsent = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  )
  const flush = () => {
    const written = unsent.length > 0 ? socket.write(unsent) : 0
    if (written > 0) unsent = unsent.subarray(written)
  }
  flush()
  await closed
  return parse(received)
}

const parse = (received: Uint8Array[]): RawAnswer => {
  const text = Buffer.concat(received).toString()
  const end = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, body: text.slice(end + 4) }
}
