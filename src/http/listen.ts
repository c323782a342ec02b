import type { AnyElysia } from 'elysia'

/**
 * How long a connection may be quiet, in seconds: longer than balancers keep theirs (60 to 90 s), so that none of
 * them sends a request into one that closes at that moment. A request that waits for the database may take its
 * time, too, and a client that reads slowly.
 */
const IDLE_TIMEOUT_SECONDS = 150

/**
 * Makes an app listen; `::` is all addresses of both families, and of the one there is on a machine without IPv6.
 *
 * @returns the address, as part of a URL
 */
export const listen = (app: AnyElysia, { host, port }: { host: string; port: number }): string => {
  const options = {
    port,
    // Two processes on one port would share its requests without a word.
    reusePort: false,
    development: false,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    // Bodies are measured against MAX_BODY_BYTES after authentication, and not read beyond it.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  }
  const listenOn = (hostname: string): string => {
    app.listen({ ...options, hostname })
    return `${hostname.includes(':') ? `[${hostname}]` : hostname}:${app.server?.port}`
  }
  try {
    return listenOn(host)
  } catch (error) {
    const hasNoIpv6 = error instanceof Error && 'code' in error && error.code === 'EAFNOSUPPORT'
    if (host !== '::' || !hasNoIpv6) throw error
    return listenOn('0.0.0.0')
  }
}
