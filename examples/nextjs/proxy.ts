import { type NextRequest, NextResponse } from 'next/server'
import { apiUrl } from './lib/config'

/** Development's reloading evaluates text. */
const evaluation = process.env.NODE_ENV === 'development' ? " 'unsafe-eval'" : ''

/**
 * The page runs this app's own scripts and talks to this app and the task API, and to nobody else: whatever gets into
 * it cannot carry a token away. Next.js gives its scripts the nonce that it finds in the policy.
 */
export function proxy(request: NextRequest) {
  const nonce = crypto.randomUUID()
  const policy = [
    "default-src 'self'",
    `script-src 'nonce-${nonce}' 'strict-dynamic'${evaluation}`,
    "style-src 'self' 'unsafe-inline'",
    `connect-src 'self' ${apiUrl}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
  const headers = new Headers(request.headers)
  headers.set('Content-Security-Policy', policy)
  const response = NextResponse.next({ request: { headers } })
  response.headers.set('Content-Security-Policy', policy)
  return response
}

export const config = { matcher: '/' }
