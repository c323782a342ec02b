import { Elysia } from 'elysia'

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/**
 * The context of every request: its id (the client's `X-Request-Id` if it is valid, else a new one) and its time of arrival
 * (`performance.now()`). The guard sets `userId`.
 */
export const requestContext = new Elysia({ name: 'context' })
  .decorate({ requestId: '', arrivedAt: 0, userId: '' })
  .onRequest((context) => {
    const sent = context.request.headers.get('x-request-id')
    context.requestId = sent !== null && REQUEST_ID.test(sent) ? sent : crypto.randomUUID()
    context.arrivedAt = performance.now()
  })

/**
 * Completes the URL of a request. If `Host` is missing or malformed, Bun sets the URL to the path only. Elysia expects a scheme
 * and a host, so it would find another path, and the guard could be bypassed. The request is changed in place, because a
 * copy would lose its connection, and with it the client's address.
 */
export const withWholeUrl = (request: Request): Request =>
  request.url.startsWith('/')
    ? Object.defineProperty(request, 'url', { value: `http://localhost${request.url}` })
    : request
