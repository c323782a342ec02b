import { createHmac } from 'node:crypto'

/** One part of a JWT: JSON for an object; text and bytes go in as they are. */
export const encodePart = (part: object | string): string =>
  Buffer.from(typeof part === 'string' || part instanceof Uint8Array ? part : JSON.stringify(part)).toString(
    'base64url',
  )

/**
 * A JWT with an HMAC. On purpose nothing of src/ is used: a mistake there must not cancel itself out here.
 * `header` and `claims` go in as they are, so that a test can leave out `exp`, set a wrong type or lie about
 * the algorithm, which `hash` decides.
 */
export const hmacToken = (
  header: object | string,
  claims: object | string,
  secret: string | Uint8Array,
  hash: 'sha256' | 'sha384' | 'sha512' = 'sha256',
): string => {
  const signed = `${encodePart(header)}.${encodePart(claims)}`
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
}

/** A JWT signed with HS256. */
export function signToken(claims: Record<string, unknown>, secret: string): string {
  return hmacToken({ alg: 'HS256', typ: 'JWT' }, claims, secret)
}
