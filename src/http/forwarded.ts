import { Elysia } from 'elysia'
import type { Log } from '../log.ts'

/**
 * Warns once if requests come through a proxy while `TRUST_PROXY` is false. Then all its clients share the limits of signup
 * and login, so that one attacker locks everybody out.
 */
export const forwardedWarning = (log: Log) => {
  let isSaid = false
  return new Elysia({ name: 'forwarded-warning' }).onRequest(({ request }) => {
    if (isSaid || !request.headers.has('x-forwarded-for')) return
    isSaid = true
    log.warn(
      'X-Forwarded-For arrives, but TRUST_PROXY is false: all clients behind the proxy count as one address. ' +
        'Set TRUST_PROXY to the number of proxies (docs/OPERATIONS.md, "Behind a proxy")',
    )
  })
}
