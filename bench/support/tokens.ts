import { createHmac } from 'node:crypto'

/** Seconds a token of a run is valid: longer than any run. */
const LIFETIME_S = 86_400

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** An HS256 access token with the claims that the service's own login gives, and any more. */
export function signToken(userId: string, secret: string, more: object = {}): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: userId, email: `${userId}@example.com`, iat: now, exp: now + LIFETIME_S, ...more }
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

/** The same token with another signature: well-formed, and refused only once the signature is checked. */
export function spoilToken(token: string): string {
  const start = token.lastIndexOf('.') + 1
  return `${token.slice(0, start)}${token[start] === 'A' ? 'B' : 'A'}${token.slice(start + 1)}`
}
