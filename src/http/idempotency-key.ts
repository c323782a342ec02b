import { AppError } from '../errors.ts'

/**
 * The request's `Idempotency-Key`, or `undefined` without one.
 *
 * @throws {AppError} `invalid_request` unless it is 1–255 visible ASCII characters
 */
export const idempotencyKey = (request: Request): string | undefined => {
  const key = request.headers.get('idempotency-key')
  if (key === null) return undefined
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new AppError('invalid_request', {
      inHeader: true,
      errors: [{ field: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }],
    })
  return key
}
