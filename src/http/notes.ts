import type { ErrorCode } from '../errors.ts'

/** A reply in the OpenAPI document. */
export interface ReplyNotes {
  description: string
  /** Its headers, except `X-Request-Id`. */
  headers?: ResponseHeader[]
  example?: unknown
  /** JSON by default. */
  contentType?: string
}

/**
 * The texts and examples of the OpenAPI document for a route. This is the route's `detail`, which Elysia passes to the
 * OpenAPI plugin; `docs/openapi` turns `x-notes` into replies, parameters and examples.
 */
export interface OperationNotes {
  operationId: string
  tags: [Tag]
  summary: string
  description?: string
  /** `[]` if it needs no token. */
  security?: []
  'x-notes': {
    /** By status. Other statuses are not documented. */
    replies: Record<number, ReplyNotes>
    requestHeaders?: RequestHeader[]
    /** Example bodies, by their titles. */
    bodies?: Record<string, unknown>
    /** Whether the body is optional. */
    optionalBody?: boolean
    /** Errors that do not follow from parameters, headers, body and token. */
    errors?: ErrorCode[]
  }
}

/** The groups of operations. */
export const tags = {
  tasks: 'The tasks of the user whose token is sent.',
  'tasks by user': 'The same operations with the user in the path; 403 for another user than the token’s.',
  accounts: 'Signing up and in with an email and a password.',
  service: 'The service itself: health and documentation. No token needed.',
}
export type Tag = keyof typeof tags

/** The request id of examples. */
export const EXAMPLE_REQUEST_ID = 'checkout-42'
const ENTITY_TAG = '`"2026-02-01T09:30:00.123000Z"`'

/**
 * The request headers that this service reads. Examples are part of the description: "Try it out" would send an
 * `example`, and a second task with the same key would be refused.
 */
export const requestHeaders = {
  'X-Request-Id': {
    description:
      'Is returned in the answer and written to the log. A value that does not match is replaced. ' +
      `Such as \`${EXAMPLE_REQUEST_ID}\`.`,
    schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,128}$' },
  },
  'If-Match': {
    description: `Only if the task still has one of these entity tags, or exists (\`*\`), else 412. Such as ${ENTITY_TAG}.`,
    schema: { type: 'string' },
  },
  'If-None-Match': {
    description:
      'If the task still has one of these entity tags, or exists (`*`): 304 without a body for GET, 412 for ' +
      `any other method. Such as ${ENTITY_TAG}.`,
    schema: { type: 'string' },
  },
  'Idempotency-Key': {
    description:
      'Makes the request safe to repeat for at least 24 hours: the same key and body give the first answer ' +
      'again and create nothing; the same key with another body is 409. Such as a UUID.',
    schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
  },
}
export type RequestHeader = keyof typeof requestHeaders

/** The response headers. A `required` one is part of every reply that names it. */
export const responseHeaders = {
  'X-Request-Id': {
    required: true,
    description: 'The request’s id: the client’s own when it was a sensible one, else a new one.',
    schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,128}$' },
  },
  ETag: {
    required: true,
    description: 'The entity tag; a task’s is strong and changes on every stored change.',
    schema: { type: 'string', pattern: '^(W/)?"[^"]+"$' },
  },
  Location: {
    required: true,
    description: 'The path of the new task.',
    schema: { type: 'string', pattern: '^/api/' },
  },
  Link: {
    description: 'When there are more tasks: the path of the next page, `<…>; rel="next"` (RFC 8288).',
    schema: { type: 'string', pattern: '^<[^>]+>; rel="next"$' },
  },
  'WWW-Authenticate': {
    required: true,
    description: 'How to authenticate, and what was wrong with a token that was sent (RFC 6750).',
    schema: { type: 'string', pattern: '^Bearer' },
  },
  'Retry-After': {
    required: true,
    description: 'Seconds to wait.',
    schema: { type: 'string', pattern: '^\\d+$' },
  },
  'Accept-Patch': {
    description: 'The types of body that PATCH takes here (RFC 5789).',
    schema: { type: 'string', pattern: '^application/json, application/merge-patch\\+json$' },
  },
  'Accept-Encoding': {
    description: 'With 415 for a compressed body: that it must not be.',
    schema: { type: 'string', pattern: '^identity$' },
  },
  Allow: {
    description: 'With 405: the methods that this path takes.',
    schema: { type: 'string', pattern: '^[A-Z]+(, [A-Z]+)*$' },
  },
}
export type ResponseHeader = keyof typeof responseHeaders

/** The path parameters that have no schema. */
export const pathParameters: Record<string, { description: string; example: string }> = {
  user_id: { description: 'The id of the token’s own user, percent-encoded.', example: 'user_1' },
}
