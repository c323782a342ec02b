/**
 * The errors a client may be told about, by their stable word. One table gives each its HTTP status, its
 * RFC 9457 title and the sentence used when the place that throws has none better.
 */
export const ERRORS = {
  invalid_request: { status: 400, title: 'Bad Request', detail: 'The request is not valid' },
  malformed_json: { status: 400, title: 'Bad Request', detail: 'The body is not valid JSON' },
  unauthenticated: { status: 401, title: 'Unauthorized', detail: 'Missing bearer token' },
  invalid_token: { status: 401, title: 'Unauthorized', detail: 'Invalid token' },
  token_expired: { status: 401, title: 'Unauthorized', detail: 'Token expired' },
  invalid_credentials: { status: 401, title: 'Unauthorized', detail: 'Invalid email or password' },
  forbidden: { status: 403, title: 'Forbidden', detail: 'These tasks belong to another user' },
  not_found: { status: 404, title: 'Not Found', detail: 'Not found' },
  method_not_allowed: {
    status: 405,
    title: 'Method Not Allowed',
    detail: 'This resource does not take that method',
  },
  email_taken: { status: 409, title: 'Conflict', detail: 'This email is already registered' },
  idempotency_key_reused: {
    status: 409,
    title: 'Conflict',
    detail: 'This Idempotency-Key was used with another body',
  },
  precondition_failed: {
    status: 412,
    title: 'Precondition Failed',
    detail: 'The task has changed since it was read',
  },
  payload_too_large: { status: 413, title: 'Content Too Large', detail: 'The body is too large' },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported Media Type',
    detail: 'The body must be application/json',
  },
  expectation_failed: {
    status: 417,
    title: 'Expectation Failed',
    detail: 'The only expectation that can be met is 100-continue, in lower case',
  },
  rate_limited: { status: 429, title: 'Too Many Requests', detail: 'Too many attempts, try again later' },
  internal: { status: 500, title: 'Internal Server Error', detail: 'Internal Server Error' },
  unavailable: {
    status: 503,
    title: 'Service Unavailable',
    detail: 'The service is temporarily unavailable, try again shortly',
  },
} as const

/** A stable word for programs: the `code` of an answer. */
export type ErrorCode = keyof typeof ERRORS

/** One field that is not valid, and why; `message` continues the field's name ("must not be empty"). */
export interface FieldError {
  field: string
  message: string
}

/** What an {@link AppError} may carry besides its code. */
export interface AppErrorOptions {
  /** A sentence for people, without anything of the inside or of what was submitted. */
  detail?: string
  /** The fields that are not valid, for `invalid_request`. */
  errors?: FieldError[]
  /** Response headers in lower case, such as `allow` or `retry-after`. */
  headers?: Record<string, string>
  /** True when a header is to blame: that stays 400 where bodies, queries and paths are answered 422. */
  inHeader?: boolean
  /** Why, for the log only. */
  reason?: string
  /** How the request is logged; as its status has it when absent. */
  logLevel?: 'debug'
  cause?: unknown
}

/** The one error that code of this service throws on purpose; `http/problem` renders it. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly errors: FieldError[] | undefined
  readonly headers: Record<string, string>
  readonly inHeader: boolean
  readonly reason: string | undefined
  readonly logLevel: 'debug' | undefined

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    const { errors } = options
    const first = errors?.[0]
    super(options.detail ?? (first ? `${first.field} ${first.message}` : ERRORS[code].detail))
    // Given to the constructor, even an absent one would take a microsecond.
    if (options.cause !== undefined) this.cause = options.cause
    this.code = code
    this.errors = errors
    this.headers = options.headers ?? {}
    this.inHeader = options.inHeader ?? false
    this.reason = options.reason
    this.logLevel = options.logLevel
  }
}

/**
 * The error for a database (or an issuer of keys) that cannot answer now.
 *
 * @param reason why, for the log
 * @param retryAfterSeconds told as `Retry-After`
 */
export const unavailable = (reason: string, cause?: unknown, retryAfterSeconds = 1): AppError =>
  new AppError('unavailable', { reason, cause, headers: { 'retry-after': String(retryAfterSeconds) } })
