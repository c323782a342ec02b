import { AppError, ERRORS, type ErrorCode } from '../errors.ts'
import { EXAMPLE_REQUEST_ID, type OperationNotes, type ResponseHeader } from '../http/notes.ts'
import { type Problem, toProblem } from '../http/problem.ts'
import type { Json } from './schema-rewriter.ts'

/** An operation as the OpenAPI plugin makes it from a route: its notes and schemas. */
export interface PluginOperation extends OperationNotes {
  parameters?: Json[]
  responses: Record<string, Json>
  requestBody?: { content: Record<string, { schema: Json }> }
}

/** References to headers, for an OpenAPI response. */
export const headerReferences = (names: readonly ResponseHeader[]): Json =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))

/** With `VALIDATION_ERROR_STATUS=422`, only an invalid header is 400. */
const statusesOf = (code: ErrorCode, validationErrorStatus: 400 | 422): number[] =>
  code === 'invalid_request' && validationErrorStatus === 422 ? [400, 422] : [ERRORS[code].status]

const headersOf = (status: string): ResponseHeader[] => {
  switch (status) {
    case '401':
      return ['X-Request-Id', 'WWW-Authenticate']
    case '429':
    case '503':
      return ['X-Request-Id', 'Retry-After']
    case '415':
      return ['X-Request-Id', 'Accept-Patch', 'Accept-Encoding']
    case '4XX':
      return ['X-Request-Id', 'Allow', 'Accept-Patch']
    default:
      return ['X-Request-Id']
  }
}

const exampleFieldError = { field: 'title', message: 'must not be empty' }

/** An example of an error. */
const exampleOf = (code: ErrorCode, status: number = ERRORS[code].status): Problem =>
  toProblem(
    new AppError(code, code === 'invalid_request' ? { errors: [exampleFieldError] } : {}),
    status,
    '/api/tasks',
    EXAMPLE_REQUEST_ID,
  )

/** Writes error codes as OpenAPI responses, by status, with an example of each. */
export const errorReplies = (problemSchema: Json, validationErrorStatus: 400 | 422) => {
  const reply = (status: string, codes: readonly ErrorCode[], description: string) => ({
    description,
    headers: headerReferences(headersOf(status)),
    content: {
      'application/problem+json': {
        schema: problemSchema,
        examples: Object.fromEntries(
          codes.map((code) => [code, { value: exampleOf(code, Number(status) || undefined) }]),
        ),
      },
    },
  })

  return (codes: ReadonlySet<ErrorCode>): Json => {
    const all = [...codes].flatMap((code) =>
      statusesOf(code, validationErrorStatus).map((status) => ({ status: String(status), code })),
    )
    const replies = [...Map.groupBy(all, ({ status }) => status)].map(([status, entries]) => {
      const codes = entries.map(({ code }) => code)
      return [status, reply(status, codes, codes.map((code) => ERRORS[code].detail).join('; '))]
    })
    return {
      ...Object.fromEntries(replies),
      '4XX': reply('4XX', ['not_found', 'method_not_allowed'], 'Another path or method, refused'),
    }
  }
}

const TOKEN: ErrorCode[] = ['unauthenticated', 'invalid_token', 'token_expired', 'unavailable']
const BODY: ErrorCode[] = ['invalid_request', 'malformed_json']
/** The errors of any request below `/api`, even if its route does not read a body. */
const MESSAGE: ErrorCode[] = ['expectation_failed', 'payload_too_large', 'unsupported_media_type']

/** The errors of an operation's token, path, headers and body, and those of its notes. */
export const errorsOf = (path: string, operation: PluginOperation): Set<ErrorCode> => {
  const { security, requestBody, parameters = [], 'x-notes': notes } = operation
  const { requestHeaders = [], errors = [] } = notes
  const codes = new Set<ErrorCode>(['internal', ...errors])
  const add = (condition: unknown, ...more: ErrorCode[]) => {
    if (condition) for (const code of more) codes.add(code)
  }
  add(!security, ...TOKEN)
  add(path.startsWith('/api/'), ...MESSAGE)
  add(requestBody, ...BODY)
  add(parameters.some(({ name }) => name !== 'user_id') || requestHeaders.length > 0, 'invalid_request')
  add(path.includes('{user_id}'), 'forbidden')
  add(path.includes('{task_id}'), 'not_found')
  add(requestHeaders.includes('Idempotency-Key'), 'idempotency_key_reused')
  add(requestHeaders.includes('If-Match'), 'precondition_failed')
  return codes
}
