import { describe, expect, test } from 'bun:test'
import postgres from 'postgres'
import {
  ConnectionError,
  describeRefusal,
  isTransient,
  toAppError,
  violatedConstraint,
} from '../../src/db/sqlstate.ts'
import { AppError } from '../../src/errors.ts'

/** What each error of the database is to a client, one of each kind. */

const serverError = (code: string): Error =>
  Object.assign(new postgres.PostgresError('inner words'), { code, message: 'inner words' })
const systemError = (code: string): Error => Object.assign(new Error('inner words'), { code })

const NOT_NOW: [code: string, what: string][] = [
  ['08000', 'connection exception'],
  ['08003', 'connection does not exist'],
  ['08006', 'connection failure'],
  ['08P01', 'protocol violation'],
  ['25006', 'read-only transaction'],
  ['40001', 'serialization failure'],
  ['40P01', 'deadlock'],
  ['53000', 'insufficient resources'],
  ['53100', 'disk full'],
  ['53200', 'out of memory'],
  ['53300', 'too many connections'],
  ['53400', 'configuration limit exceeded'],
  ['57014', 'query canceled'],
  ['57P01', 'admin shutdown'],
  ['57P02', 'crash shutdown'],
  ['57P03', 'cannot connect now'],
  ['57P05', 'idle session timeout'],
]

const OUT_OF_REACH = [
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
]

const DEFECTS: [code: string, what: string][] = [
  ['0A000', 'feature not supported'],
  ['23502', 'not null violation'],
  ['23503', 'foreign key violation'],
  ['23505', 'unique violation'],
  ['25P02', 'in failed transaction'],
  ['40002', 'integrity constraint violation in a transaction'],
  ['42501', 'insufficient privilege'],
  ['42601', 'syntax error'],
  ['42703', 'undefined column'],
  ['55000', 'object not in prerequisite state'],
  ['57000', 'operator intervention'],
  ['58030', 'io error'],
  ['XX000', 'internal error'],
]

const expectUnavailable = (error: Error, code: string) => {
  expect(isTransient(error)).toBe(true)
  const told = toAppError(error) as AppError
  expect(told).toBeInstanceOf(AppError)
  expect({ code: told.code, reason: told.reason, headers: told.headers }).toEqual({
    code: 'unavailable',
    reason: `database: ${code}`,
    headers: { 'retry-after': '1' },
  })
  expect(told.message).not.toContain('inner words')
}

describe('an error of the database', () => {
  test.each(NOT_NOW)('with SQLSTATE %s (%s) is unavailable', (code) =>
    expectUnavailable(serverError(code), code),
  )

  test.each(OUT_OF_REACH)('of the network, %s, is unavailable', (code) =>
    expectUnavailable(systemError(code), code),
  )

  test.each(['PROTOCOL_VIOLATION', 'PLAN_DROPPED'] as const)('of our own, %s, is unavailable', (code) =>
    expectUnavailable(new ConnectionError(code), code),
  )

  test.each(['22008', '22003', '22021', '22P02'])('with SQLSTATE %s is the client’s', (code) => {
    const told = toAppError(serverError(code)) as AppError
    expect({ code: told.code, detail: told.message }).toEqual({
      code: 'invalid_request',
      detail: 'A value is out of range',
    })
  })

  test('about tables that are not there yet is unavailable', () => {
    const told = toAppError(serverError('42P01')) as AppError
    expect({ code: told.code, reason: told.reason }).toEqual({
      code: 'unavailable',
      reason: 'database: the migrations are missing',
    })
    expect(isTransient(serverError('42P01'))).toBe(false)
  })

  test.each(DEFECTS)('with SQLSTATE %s (%s) is a defect', (code) => {
    const error = serverError(code)
    expect(isTransient(error)).toBe(false)
    expect(toAppError(error)).toBe(error)
  })

  test('is known inside another one as well', () => {
    expect(isTransient(new Error('Failed query', { cause: serverError('57P01') }))).toBe(true)
  })

  test.each([
    ['28P01', 'wrong user or password (28P01)'],
    ['3D000', 'there is no such database (3D000)'],
  ])('with SQLSTATE %s is told to whoever starts the service', (code, words) => {
    expect(describeRefusal(serverError(code))).toBe(words)
  })
})

describe('the constraint that a statement violated', () => {
  const violation = (code: string, constraint_name: string) =>
    Object.assign(serverError(code), { constraint_name })

  test('is told by its name, without the number of a shard', () => {
    expect(violatedConstraint(violation('23505', 'users_email_key'))).toBe('users_email_key')
    expect(violatedConstraint(violation('23503', 'tasks_user_id_users_id_fk_102008'))).toBe(
      'tasks_user_id_users_id_fk',
    )
  })

  test('is none for other errors, whatever they name', () => {
    expect(violatedConstraint(violation('42501', 'users_email_key'))).toBeUndefined()
    expect(violatedConstraint(Object.assign(systemError('23505'), { constraint_name: 'x' }))).toBeUndefined()
  })
})
