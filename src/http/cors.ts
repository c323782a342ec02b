import { cors } from '@elysiajs/cors'
import { Elysia } from 'elysia'

const exposed = ['ETag', 'Link', 'Location', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id']
const accepted = [
  'Authorization',
  'Content-Type',
  'If-Match',
  'If-None-Match',
  'Idempotency-Key',
  'X-Request-Id',
]

/** How long a browser may remember a preflight's answer; Chromium's own ceiling. */
const PREFLIGHT_MAX_AGE_SECONDS = 7200

/**
 * Cross-origin access for exactly these origins.
 *
 * The plugin answers preflights, in an app of its own: as a plugin of the main one it would add its headers to
 * the answers for every other origin, too, and 5 µs to every request.
 * https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export const crossOrigin = (origins: readonly string[]) => {
  const isAllowed = (request: Request): boolean => origins.includes(request.headers.get('origin') ?? '')
  const preflights = new Elysia().use(
    cors({
      origin: isAllowed,
      credentials: true,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowedHeaders: accepted,
      exposeHeaders: exposed,
      maxAge: PREFLIGHT_MAX_AGE_SECONDS,
    }),
  )
  return {
    /** The answer to a preflight of an allowed origin; `undefined` for any other request. */
    preflight(request: Request, requestId: string): Promise<Response> | undefined {
      if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method')) return
      if (!isAllowed(request)) return
      return preflights.handle(request).then((answer) => {
        answer.headers.set('x-request-id', requestId)
        return answer
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
