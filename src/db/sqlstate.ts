import postgres from 'postgres'
import { AppError, unavailable } from '../errors.ts'

/** Codes of the driver, the system and this service for a connection that failed or was lost. */
const CONNECTION_ERRORS = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'ERR_SOCKET_CLOSED',
  'PROTOCOL_VIOLATION',
  'PLAN_DROPPED',
])

/** A connection that failed or was lost; `code` is one of the driver's. */
export class ConnectionError extends Error {
  readonly code: 'CONNECT_TIMEOUT' | 'CONNECTION_CLOSED' | 'PROTOCOL_VIOLATION' | 'PLAN_DROPPED'

  constructor(code: ConnectionError['code']) {
    super(code)
    this.code = code
  }
}

/**
 * SQLSTATEs that mean "not now": connection exceptions, insufficient resources, a query that was cancelled, a
 * server that starts or stops, a read-only one, and transactions that lost against another.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const UNAVAILABLE = /^(08...|53...|57014|57P0.|25006|40001|40P01)$/

/** Values that PostgreSQL refuses: data exceptions, such as a time out of range (22008). */
const INVALID = /^22...$/

/** A write to a read-only server. */
export const READ_ONLY = '25006'

/** A missing table: the migrations have not been applied yet. */
export const UNDEFINED_TABLE = '42P01'

/** The code of an error, or of its cause: a SQLSTATE, or a code of the driver or the system. */
export const errorCode = (error: unknown): string => {
  if (!(error instanceof Error)) return ''
  return 'code' in error && typeof error.code === 'string' ? error.code : errorCode(error.cause)
}

/** True for errors that pass by themselves: the server cannot be reached, or is not available now. */
export const isTransient = (error: unknown): boolean => {
  const code = errorCode(error)
  return CONNECTION_ERRORS.has(code) || UNAVAILABLE.test(code)
}

/** The `AppError` for an error of the database. Any other error is returned as it is: a defect. */
export const toAppError = (error: unknown): unknown => {
  const code = errorCode(error)
  if (isTransient(error)) return unavailable(`database: ${code}`, error)
  if (code === UNDEFINED_TABLE) return unavailable('database: the migrations are missing', error)
  if (INVALID.test(code))
    return new AppError('invalid_request', {
      detail: 'A value is out of range',
      reason: `database: ${code}`,
      cause: error,
    })
  return error
}

/** True for an error that the server sent. */
export const isServerError = (error: unknown): error is postgres.PostgresError =>
  error instanceof postgres.PostgresError

/**
 * The name of the constraint that a statement violated (class 23), if it did. Citus appends the number of the shard, which
 * is cut off.
 */
export const violatedConstraint = (error: unknown): string | undefined =>
  isServerError(error) && error.code.startsWith('23')
    ? error.constraint_name?.replace(/_\d{6,}$/, '')
    : undefined

const REFUSALS: Record<string, string> = {
  '28P01': 'wrong user or password',
  '3D000': 'there is no such database',
}

/** Why a database cannot be used, for the person who starts the service. */
export const describeRefusal = (error: unknown): string => {
  const code = errorCode(error)
  const text = error instanceof Error ? error.message : String(error)
  return `${REFUSALS[code] ?? text}${code && ` (${code})`}`
}
