import 'server-only'
import { headers } from 'next/headers'
import { auth } from './auth'
import { apiUrl } from './config'
import { createTasksApi } from './tasks-api'

/** A page should not wait long for its first list: the browser can go on asking. */
const TIMEOUT_MS = 2000

/** The task API for a server component or route handler: with a token of whoever sent the request. */
export async function createServerApi() {
  const { token } = await auth.api.getToken({ headers: await headers() })
  return createTasksApi(apiUrl, (request) => {
    request.headers.set('Authorization', `Bearer ${token}`)
    return fetch(request, { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) })
  })
}
