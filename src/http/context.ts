import { Elysia } from 'elysia'

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/**
 * What every request has from the start: an id (the client's `X-Request-Id` if it is valid, else a new one) and the time
 * of its arrival in milliseconds of `performance.now()`. The guard sets `userId`.
 */
export const requestContext = new Elysia({ name: 'context' })
  .decorate({ requestId: '', arrivedAt: 0, userId: '' })
  .onRequest((context) => {
    const sent = context.request.headers.get('x-request-id')
    context.requestId = sent !== null && REQUEST_ID.test(sent) ? sent : crypto.randomUUID()
    context.arrivedAt = performance.now()
  })

/**
 * Bun gives a request whose `Host` is missing or malformed a path for its URL. Elysia looks for the path behind a
 * scheme and a host, and would take it for another one, past the guard. So the URL is completed, in place: a copy of
 * the request would have lost its connection, by which its client's address is found.
 */
export const withWholeUrl = (request: Request): Request =>
  request.url.startsWith('/')
    ? Object.defineProperty(request, 'url', { value: `http://localhost${request.url}` })
    : request
