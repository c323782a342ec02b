import { createHmac } from 'node:crypto'

/**
 * A JWT signed with HS256. On purpose nothing of src/ is used: a mistake there must not cancel itself out
 * here. `claims` go in as they are, so that a test can leave out `exp` or set a wrong type.
 */
export function signToken(claims: Record<string, unknown>, secret: string): string {
  const signed = [{ alg: 'HS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
