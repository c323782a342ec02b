import { connect, type Socket } from 'node:net'

export interface HttpRequest {
  method: string
  path: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
}

export interface HttpAnswer {
  status: number
  /** By lower-case name. */
  headers: Record<string, string>
  text: string
}

/** Why a request got no answer: nobody listened, the connection ended, or the time was up. */
export type CutReason = 'refused' | 'closed' | 'timeout'

export class Cut extends Error {
  readonly reason: CutReason

  constructor(reason: CutReason) {
    super(`No answer: ${reason}`)
    this.reason = reason
  }
}

/**
 * An HTTP/1.1 client with one connection, kept alive, for one request at a time.
 *
 * Not `fetch`: that one repeats a request by itself when a kept connection turns out to be closed, which would
 * be taken for a write that the service repeated, and it does not tell a refused connection from a cut one.
 */
export class HttpConnection {
  readonly #host: string
  readonly #port: number
  #socket: Socket | null = null

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.#host = hostname
    this.#port = Number(port)
  }

  /** @throws Cut when there is no complete answer within `timeoutMs` */
  send(request: HttpRequest, timeoutMs: number): Promise<HttpAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>()
    const socket = this.#open()
    let received: Buffer = Buffer.alloc(0)
    let refused = false
    const finish = (keep: boolean) => {
      clearTimeout(timer)
      socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close')
      socket.on('error', () => {})
      if (keep) return
      socket.destroy()
      this.#socket = null
    }
    const fail = (reason: CutReason) => {
      finish(false)
      reject(new Cut(reason))
    }
    const timer = setTimeout(() => fail('timeout'), timeoutMs)
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      const answer = parseAnswer(received, request.method)
      if (!answer) return
      finish(answer.headers.connection?.toLowerCase() !== 'close')
      resolve(answer)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      refused = error.code === 'ECONNREFUSED'
    })
    socket.on('close', () => fail(refused ? 'refused' : 'closed'))
    socket.write(format(request, `${this.#host}:${this.#port}`))
    return promise
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = null
  }

  #open(): Socket {
    if (this.#socket && !this.#socket.destroyed && this.#socket.readyState === 'open') return this.#socket
    this.#socket = connect({ host: this.#host, port: this.#port, noDelay: true })
    return this.#socket
  }
}

function format({ method, path, headers = {}, body }: HttpRequest, host: string): string {
  const content = body === undefined ? '' : JSON.stringify(body)
  const described =
    body === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(content)) }
  const lines = Object.entries({ Host: host, ...headers, ...described }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  return `${[`${method} ${path} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${content}`
}

/** The answer in `received`, or null while it is not complete. */
function parseAnswer(received: Buffer, method: string): HttpAnswer | null {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const [statusLine = '', ...lines] = received.toString('latin1', 0, headEnd).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const status = Number(statusLine.split(' ')[1])
  const content = received.subarray(headEnd + 4)
  const body =
    method === 'HEAD' || status === 204 || status === 304 ? content.subarray(0, 0) : bodyOf(content, headers)
  return body && { status, headers, text: body.toString('utf8') }
}

function bodyOf(content: Buffer, headers: Record<string, string>): Buffer | null {
  if (headers['transfer-encoding'] === 'chunked') return unchunk(content)
  const length = Number(headers['content-length'] ?? 0)
  return content.length >= length ? content.subarray(0, length) : null
}

function unchunk(content: Buffer): Buffer | null {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = content.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const size = Number.parseInt(content.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (content.length < end) return null
    if (size === 0) return Buffer.concat(parts)
    parts.push(content.subarray(lineEnd + 2, end - 2))
    at = end
  }
}
