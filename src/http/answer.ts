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
  /** True when each answer is to be the last of its connection. */
  isStopping: () => boolean
  outbox: Outbox
  validationErrorStatus: 400 | 422
  log: Log
  metrics: Metrics | undefined
  timing: ServerTiming | undefined
  /** The methods that a path takes; none for one that does not exist. */
  allowedMethods: (path: string) => string[]
}

/**
 * Makes every answer, of success and of failure: errors become problems, and whatever a handler returned
 * becomes a `Response`. Each is logged, in one line.
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
      // Not "return f()": Elysia takes that for a promise, and would wait before every request.
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
        // One user's data, which may be kept and asked for again each time, where that is cheap.
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

        // The answer is complete; anything left here would make Elysia copy it.
        set.status = 200
        set.headers = {}
        return response
      },
    )

/** Copied as a whole, which takes half the time of a record with all headers of an answer. */
const usualHeaders = new Headers({
  'content-type': 'application/json',
  'cache-control': 'no-store',
  vary: 'Origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
})

/** Text and bytes are sent as they are, under the content type that their handler set; all else is JSON. */
const toContent = (value: unknown): string | Uint8Array<ArrayBuffer> | null => {
  if (value === undefined) return null
  if (typeof value === 'string' || value instanceof Uint8Array)
    return value as string | Uint8Array<ArrayBuffer>
  return JSON.stringify(value)
}

/** An error's stack with those of its causes, for the log. */
const describeCause = (cause: unknown): string =>
  cause instanceof Error
    ? `${cause.stack ?? cause.message}${cause.cause ? `\ncaused by ${describeCause(cause.cause)}` : ''}`
    : String(cause)
