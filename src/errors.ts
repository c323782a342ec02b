/** The errors that clients see: for each code, its HTTP status, its RFC 9457 title, and the default `detail`. */
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

/** The `code` of an error, for programs. */
export type ErrorCode = keyof typeof ERRORS

/** An invalid field. `message` continues the field's name ("must not be empty"). */
export interface FieldError {
  field: string
  message: string
}

/** Options of an {@link AppError}. */
export interface AppErrorOptions {
  /** A sentence for people. It must not contain internals or submitted values. */
  detail?: string
  /** The invalid fields, for `invalid_request`. */
  errors?: FieldError[]
  /** Response headers in lower case, such as `allow` or `retry-after`. */
  headers?: Record<string, string>
  /** Whether a header is invalid. That is always 400, even with `VALIDATION_ERROR_STATUS=422`. */
  inHeader?: boolean
  /** The reason, for the log only. */
  reason?: string
  /** The level of the request's line in the log. By default it depends on the status. */
  logLevel?: 'debug'
  cause?: unknown
}

/** The error that the service throws on purpose. `http/problem` renders it. */
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
    // Passing a cause to the constructor, even `undefined`, takes a microsecond.
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
 * The error when the database or the issuer of keys cannot answer now.
 *
 * @param reason why, for the log
 * @param retryAfterSeconds the value of `Retry-After`
 */
export const unavailable = (reason: string, cause?: unknown, retryAfterSeconds = 1): AppError =>
  new AppError('unavailable', { reason, cause, headers: { 'retry-after': String(retryAfterSeconds) } })
