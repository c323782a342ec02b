import { Elysia, NotFoundError } from 'elysia'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { requestContext } from './context.ts'
import type { CrossOrigin } from './cors.ts'
import { acceptPatch } from './json-body.ts'
import type { Metrics } from './metrics.ts'
import type { Outbox } from './outbox.ts'
import { statusOf, toAppError, toProblem } from './problem.ts'
import type { ServerTiming } from './server-timing.ts'
import { traceIdOf } from './traceparent.ts'

export interface AnswerOptions {
  crossOrigin: CrossOrigin
  /** Whether each answer must be the last one of its connection. */
  isStopping: () => boolean
  outbox: Outbox
  validationErrorStatus: 400 | 422
  log: Log
  metrics: Metrics | undefined
  timing: ServerTiming | undefined
  /** The methods of a path. None if it does not exist. */
  allowedMethods: (path: string) => string[]
}

/**
 * Makes every answer: an error becomes a problem, and the value that a handler returns becomes a `Response`. Logs one line for
 * each.
 */
export const answers = ({
  crossOrigin,
  isStopping,
  outbox,
  validationErrorStatus,
  log,
  metrics,
  timing,
  allowedMethods,
}: AnswerOptions) =>
  new Elysia({ name: 'answers' })
    .use(requestContext)
    .decorate('failure', undefined as AppError | undefined)
    .onRequest(({ request, requestId }) => {
      // Not "return f()": Elysia takes the function for asynchronous then, and awaits it for every request.
      const preflight = crossOrigin.preflight(request, requestId, isStopping())
      return preflight
    })
    .onError({ as: 'global' }, (context) => {
      const { error, path, set, requestId } = context
      let failure = toAppError(error)
      if (error instanceof NotFoundError) {
        const allowed = allowedMethods(path)
        failure =
          allowed.length > 0
            ? new AppError('method_not_allowed', {
                headers: { allow: allowed.join(', '), ...(allowed.includes('PATCH') && acceptPatch) },
              })
            : new AppError('not_found')
      }
      context.failure = failure
      set.headers = { ...failure.headers }
      set.status = statusOf(failure, validationErrorStatus)
      if (failure.code === 'internal')
        log.error('internal error', { request_id: requestId, stack: describeCause(failure.cause) })
      return toProblem(failure, set.status, path, requestId)
    })
    .mapResponse(
      { as: 'global' },
      ({ responseValue, request, set, route, requestId, arrivedAt, userId, failure }) => {
        const status = set.status as number
        const content = toContent(responseValue)
        const body = content === null ? null : outbox.body(content, userId)
        const response = new Response(body, { status, headers: usualHeaders })
        const { headers } = response
        headers.set('x-request-id', requestId)
        if (status >= 400) headers.set('content-type', 'application/problem+json')
        // The data of one user. A client may store it, and must revalidate it each time.
        if (set.headers.etag) headers.set('cache-control', 'private, no-cache')
        for (const name in set.headers) headers.set(name, String(set.headers[name]))
        crossOrigin.allowReading(request, headers)
        if (responseValue === undefined) headers.delete('content-type')
        if (isStopping()) headers.set('connection', 'close')

        const durationMs = Math.round((performance.now() - arrivedAt) * 1000) / 1000
        if (timing) headers.set('server-timing', timing.header(durationMs))
        metrics?.observe(request.method, route ?? 'none', status, durationMs)
        log[failure?.logLevel ?? (status < 500 ? 'info' : 'warn')]('request', {
          method: request.method,
          route: route ?? 'none',
          status,
          duration_ms: durationMs,
          request_id: requestId,
          trace_id: traceIdOf(request),
          user_id: userId || undefined,
          code: failure?.code,
          reason: failure?.reason,
        })

        // With a status or headers in `set`, Elysia would copy the response.
        set.status = 200
        set.headers = {}
        return response
      },
    )

/** Copying a `Headers` object takes half the time of making one from a record. */
const usualHeaders = new Headers({
  'content-type': 'application/json',
  'cache-control': 'no-store',
  vary: 'Origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
})

/** Strings and bytes are sent unchanged, with the content type that the handler has set. Other values are sent as JSON. */
const toContent = (value: unknown): string | Uint8Array<ArrayBuffer> | null => {
  if (value === undefined) return null
  if (typeof value === 'string' || value instanceof Uint8Array)
    return value as string | Uint8Array<ArrayBuffer>
  return JSON.stringify(value)
}

/** The stack of an error and those of its causes. */
const describeCause = (cause: unknown): string =>
  cause instanceof Error
    ? `${cause.stack ?? cause.message}${cause.cause ? `\ncaused by ${describeCause(cause.cause)}` : ''}`
    : String(cause)
