import { cors } from '@elysiajs/cors'
import { Elysia } from 'elysia'
import type { Log } from '../log.ts'

const exposed = ['ETag', 'Link', 'Location', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id']

/** How long a browser may cache the answer to a preflight. Chromium's maximum. */
const PREFLIGHT_MAX_AGE_SECONDS = 7200

/**
 * Allows cross-origin requests from exactly these origins, with any request header, because monitoring libraries add some.
 *
 * The plugin runs in a separate app and only answers preflights. In the main app it would add headers to answers for other
 * origins, and 5 µs to every request.
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
     * Answers a preflight, without a token. Other origins get no CORS headers. `undefined` for any other request.
     *
     * @param isLast whether the connection is closed after the answer
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

    /** Adds the headers that let pages of an allowed origin read an answer. */
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
