import { cors } from '@elysiajs/cors'
import { Elysia } from 'elysia'
import type { Log } from '../log.ts'

const exposed = ['ETag', 'Link', 'Location', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id']

/** How long a browser may remember a preflight's answer; Chromium's own ceiling. */
const PREFLIGHT_MAX_AGE_SECONDS = 7200

/**
 * Cross-origin access for exactly these origins. They may send any header: monitoring libraries add their own.
 *
 * The plugin only answers preflights, in an app of its own. In the main app it would also add headers to the answers for
 * other origins, and 5 µs to every request.
 * https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export const crossOrigin = (origins: readonly string[], log: Log) => {
  const preflights = new Elysia().use(
    cors({
      origin: true,
      credentials: true,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowedHeaders: true,
      exposeHeaders: exposed,
      maxAge: PREFLIGHT_MAX_AGE_SECONDS,
    }),
  )
  return {
    /**
     * Answers a preflight, which needs no token and grants nothing to another origin; `undefined` for any other request.
     *
     * @param isLast whether its connection is closed after it
     */
    preflight(request: Request, requestId: string, isLast: boolean): Promise<Response> | undefined {
      if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method')) return
      const origin = request.headers.get('origin')
      if (origin === null) return
      const isAllowed = origins.includes(origin)
      log[isAllowed ? 'info' : 'warn']('request', {
        method: 'OPTIONS',
        route: 'preflight',
        status: 204,
        request_id: requestId,
        ...(!isAllowed && { origin, reason: 'the origin is not in CORS_ORIGINS' }),
      })
      const answer = isAllowed
        ? preflights.handle(request)
        : Promise.resolve(new Response(null, { status: 204 }))
      return answer.then((response) => {
        const { headers } = response
        headers.set('vary', 'Origin')
        headers.set('x-request-id', requestId)
        if (isLast) headers.set('connection', 'close')
        // Without this the plugin would allow a header named "undefined".
        if (!request.headers.has('access-control-request-headers'))
          headers.delete('access-control-allow-headers')
        return response
      })
    },

    /** Adds the headers that let the page of an allowed origin read an answer. */
    allowReading(request: Request, headers: Headers) {
      const origin = request.headers.get('origin')
      if (origin === null || !origins.includes(origin)) return
      headers.set('access-control-allow-origin', origin)
      headers.set('access-control-allow-credentials', 'true')
      headers.set('access-control-expose-headers', exposed.join(', '))
    },
  }
}

export type CrossOrigin = ReturnType<typeof crossOrigin>
