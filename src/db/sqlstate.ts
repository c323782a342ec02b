import postgres from 'postgres'
import { AppError, unavailable } from '../errors.ts'

/** The codes of errors for a connection that failed or was lost, from the driver, the system and this service. */
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

/** A connection failed or was lost. */
export class ConnectionError extends Error {
  readonly code: 'CONNECT_TIMEOUT' | 'CONNECTION_CLOSED' | 'PROTOCOL_VIOLATION' | 'PLAN_DROPPED'

  constructor(code: ConnectionError['code']) {
    super(code)
    this.code = code
  }
}

/**
 * SQLSTATEs of temporary failures: connection exceptions, insufficient resources, a cancelled statement, a server that
 * starts or shuts down, a read-only server, serialization failures and deadlocks.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const UNAVAILABLE = /^(08...|53...|57014|57P0.|25006|40001|40P01)$/

/** Data exceptions: PostgreSQL refuses a value, such as a time out of range (22008). */
const INVALID = /^22...$/

/** The SQLSTATE of a write to a read-only server. */
export const READ_ONLY = '25006'

/** The SQLSTATE of a full disk. */
export const DISK_FULL = '53100'

/** The SQLSTATE of a missing table: the migrations have not been applied yet. */
export const UNDEFINED_TABLE = '42P01'

/** The code of an error, or of its cause: a SQLSTATE, or a code of the driver or the system. */
export const errorCode = (error: unknown): string => {
  if (!(error instanceof Error)) return ''
  return 'code' in error && typeof error.code === 'string' ? error.code : errorCode(error.cause)
}

/** True for temporary errors: the server cannot be reached, or is not available now. */
export const isTransient = (error: unknown): boolean => {
  const code = errorCode(error)
  return CONNECTION_ERRORS.has(code) || UNAVAILABLE.test(code)
}

/** The `AppError` for an error of the database. An error that has none is a defect, and returned unchanged. */
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
 * The name of the constraint that a statement has violated (class 23), if any, without the shard number that Citus
 * appends.
 */
export const violatedConstraint = (error: unknown): string | undefined =>
  isServerError(error) && error.code.startsWith('23')
    ? error.constraint_name?.replace(/_\d{6,}$/, '')
    : undefined

const REFUSALS: Record<string, string> = {
  '28P01': 'wrong user or password',
  '3D000': 'there is no such database',
}

/** Describes why a database cannot be used, for the person who starts the service. */
export const describeRefusal = (error: unknown): string => {
  const code = errorCode(error)
  const text = error instanceof Error ? error.message : String(error)
  return `${REFUSALS[code] ?? text}${code && ` (${code})`}`
}
