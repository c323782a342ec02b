import type { AnyElysia } from 'elysia'

/**
 * How long a connection may be idle, in seconds. Longer than load balancers keep theirs (60 to 90 s), so that they never send
 * a request over a connection that is being closed. It also limits slow requests and slow readers.
 */
const IDLE_TIMEOUT_SECONDS = 150

/**
 * Makes an app listen. `::` means all addresses of both families or, on a machine without IPv6, all IPv4 addresses.
 *
 * @returns the address, as part of a URL
 */
export const listen = (app: AnyElysia, { host, port }: { host: string; port: number }): string => {
  const options = {
    port,
    // Otherwise two processes could listen on one port, and would share its requests.
    reusePort: false,
    development: false,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    // MAX_BODY_BYTES is enforced after authentication, by http/json-body.
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
