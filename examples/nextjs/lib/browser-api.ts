import { authClient } from './auth-client'
import { createTasksApi, Refusal, type TasksApi } from './tasks-api'

/** The claims of a JWT, unchecked: only the API can check them. */
const subjectOf = (token: string): unknown =>
  JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))).sub

/**
 * The task API for a browser. Its token stays in memory, where no other page and no later visitor finds it: the
 * session's cookie gets a new one at any time. One that the API refuses, because it has expired or its key was
 * withdrawn, is renewed once.
 *
 * @param onSignedOut called when the session is over, or somebody else's by now
 */
export function createBrowserApi(apiUrl: string, userId: string, onSignedOut: () => void): TasksApi {
  let token: Promise<string> | undefined

  async function fetchToken(): Promise<string> {
    const { data, error } = await authClient.token()
    // Better Auth's client gives status 0 or 5xx where it could not ask; the session may be as good as ever.
    if (error && error.status !== 401) throw new TypeError('This app cannot be reached.')
    if (data && subjectOf(data.token) === userId) return data.token
    onSignedOut()
    throw new Refusal(new Response(null, { status: 401 }), { detail: 'You are signed out.' })
  }

  /** The token in hand, or the one that is on its way. */
  function currentToken(): Promise<string> {
    if (token) return token
    const asked = fetchToken()
    token = asked
    asked.catch(() => {
      if (token === asked) token = undefined
    })
    return asked
  }

  async function send(request: Request): Promise<Response> {
    const used = currentToken()
    const response = await fetch(authorized(request, await used))
    if (response.status !== 401) return response
    if (token === used) token = undefined
    return fetch(authorized(request, await currentToken()))
  }

  return createTasksApi(apiUrl, send)
}

const authorized = (request: Request, token: string): Request => {
  const copy = request.clone()
  copy.headers.set('Authorization', `Bearer ${token}`)
  return copy
}
