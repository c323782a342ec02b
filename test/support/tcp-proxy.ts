import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from './ports.ts'

export interface TcpProxy {
  port: number
  /** `url` with the proxy's address in place of its own. */
  url(url: string): string
  /** Forwards everything at once. The state at the start, and the cure of every other. */
  pass(): Promise<void>
  /** New connections lead to another server; those that exist stay where they are. */
  repoint(target: { host: string; port: number }): void
  /** Forwards everything `ms` later, in each direction: a round trip takes twice as long. */
  delay(ms: number): void
  /**
   * Nothing arrives any more in either direction, not even the end of a connection, and nobody is told; new
   * connections are taken and stay silent. Those that lived through it stay dead after `pass()`, like after
   * a firewall that forgot them; then also the end of one side reaches the other.
   */
  blackHole(): void
  /** New connections are refused; those that exist go on. */
  refuse(): Promise<void>
  /** Ends the direction from the server to the client of every connection; the other stays open. */
  halfClose(): void
  /** Ends every connection at both ends. */
  cutAll(): void
  /** Ends all and stops listening. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** One client's connection with its counterpart to the server. */
interface Link {
  client: Socket
  server: Socket
  lost: boolean
}

/** A TCP proxy on loopback, with real sockets, that can fail the way a network does. */
export async function startTcpProxy(first: { host: string; port: number }): Promise<TcpProxy> {
  let target = first
  const port = await freePort()
  const links = new Set<Link>()
  let delayMs = 0
  let swallowing = false
  let listener = await listen(port, accept)

  function accept(client: Socket): void {
    const server = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true })
    const link: Link = { client, server, lost: swallowing }
    links.add(link)
    forward(link, client, server)
    forward(link, server, client)
  }

  function forward(link: Link, from: Socket, to: Socket): void {
    const later = inOrder(() => delayMs)
    from.on('data', (chunk: Buffer) => {
      if (link.lost) return
      later(() => {
        if (link.lost || to.write(chunk)) return
        from.pause()
        to.once('drain', () => from.resume())
      })
    })
    from.on('end', () => later(() => link.lost || to.end()))
    from.on('error', () => {})
    from.on('close', () => later(() => closeOther(link, to)))
  }

  function closeOther(link: Link, to: Socket): void {
    if (swallowing && link.lost) return
    to.destroy()
    links.delete(link)
  }

  async function pass(): Promise<void> {
    delayMs = 0
    swallowing = false
    for (const link of links) {
      if (link.client.destroyed || link.server.destroyed) cut(link)
    }
    if (!listener.listening) listener = await listen(port, accept)
  }

  function cut(link: Link): void {
    link.client.destroy()
    link.server.destroy()
    links.delete(link)
  }

  async function refuse(): Promise<void> {
    if (!listener.listening) return
    const closed = listener
    // Not awaited: the callback waits for the connections as well, and those are to go on.
    closed.close()
  }

  async function close(): Promise<void> {
    await refuse()
    for (const link of links) cut(link)
  }

  return {
    port,
    url(url) {
      const proxied = new URL(url)
      proxied.hostname = '127.0.0.1'
      proxied.port = String(port)
      return proxied.href
    },
    pass,
    repoint(next) {
      target = next
    },
    delay(ms) {
      delayMs = ms
    },
    blackHole() {
      swallowing = true
      for (const link of links) link.lost = true
    },
    refuse,
    halfClose() {
      for (const link of links) link.client.end()
    },
    cutAll() {
      for (const link of links) cut(link)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port }, () => resolve(server))
  })
}

/** Runs each action after the delay of the moment, never before the one that came in ahead of it. */
function inOrder(delayMs: () => number): (action: () => void) => void {
  const waiting: (() => void)[] = []
  let lastDue = 0
  return (action) => {
    const now = performance.now()
    lastDue = Math.max(lastDue, now + delayMs())
    if (waiting.length === 0 && lastDue <= now) return action()
    waiting.push(action)
    // Takes whichever is first: of two timers that are due together, the later one may fire first.
    setTimeout(() => waiting.shift()?.(), lastDue - now)
  }
}
