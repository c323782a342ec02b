import type { Answer } from './api.ts'
import { tokenFor } from './api.ts'

/** Sends requests to a service that runs as a process, with one token. */
export const clientOf = (url: string, token: string) => {
  const send = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: text === '' ? undefined : JSON.parse(text),
    }
  }
  return {
    send,
    create: (title: string) => send('POST', '/api/tasks', { title }),
    list: () => send('GET', '/api/tasks'),
    /** Every task of the user, page by page. */
    async listAll(): Promise<{ id: number; title: string }[]> {
      const tasks = []
      for (let path: string | undefined = '/api/tasks'; path; ) {
        const page: Answer = await send('GET', path)
        tasks.push(...page.json)
        path = /^<(.+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1]
      }
      return tasks
    },
  }
}

/** As {@link clientOf}, for a service with the tests' secret. */
export const clientFor = (url: string, userId: string) => clientOf(url, tokenFor(userId))
