import { Elysia } from 'elysia'

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/**
 * What every request has from its first moment: an id (the client's own `X-Request-Id` when it is a sensible
 * one) and the time it arrived, in milliseconds of `performance.now()`. `userId` is set by the guard.
 */
export const requestContext = new Elysia({ name: 'context' })
  .decorate({ requestId: '', arrivedAt: 0, userId: '' })
  .onRequest((context) => {
    const sent = context.request.headers.get('x-request-id')
    context.requestId = sent !== null && REQUEST_ID.test(sent) ? sent : crypto.randomUUID()
    context.arrivedAt = performance.now()
  })

/**
 * A request whose `Host` is missing or not a host has the bare path for its URL. Frameworks cut the path out
 * of a whole URL, so it is made one. It stays the same request: of a copy nobody could tell whose it is.
 */
export const withWholeUrl = (request: Request): Request =>
  request.url.startsWith('/')
    ? Object.defineProperty(request, 'url', { value: `http://localhost${request.url}` })
    : request
