import { Elysia } from 'elysia'
import { AppError } from '../errors.ts'
import type { VerifyToken } from './token.ts'

/** The token of an `Authorization` header. https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
const bearerToken = (header: string | null): string => {
  const token = header === null ? '' : header.slice(7).trim()
  if (header === null || token === '' || !/^bearer /i.test(header))
    throw new AppError('unauthenticated', {
      reason: 'no bearer token',
      headers: { 'www-authenticate': 'Bearer' },
    })
  return token
}

/**
 * Requires a valid token, and sets `userId`, before a body is read or anything else is validated. Answers 401 without a
 * token, and 403 if the path names another user.
 */
export const authGuard = (verify: VerifyToken) =>
  new Elysia().derive({ as: 'scoped' }, async ({ request, params }) => {
    const userId = await verify(bearerToken(request.headers.get('authorization')))
    // A route without parameters has no `params` at all.
    const owner = (params as Record<string, string> | undefined)?.user_id
    if (owner !== undefined && owner !== userId) throw new AppError('forbidden')
    return { userId }
  })

export type Guard = ReturnType<typeof authGuard>
