import { tokenFor } from '../support/api.ts'
import type { Operation } from './checker.ts'

/** A task that everybody changes. */
export interface HotTask {
  id: number
  /** The title that it was made with. */
  first: string
  history: Operation[]
}

export interface Records {
  tasks: HotTask[]
  /** For each idempotency key that was answered, the ids that it was answered with. */
  keys: Map<string, Set<number>>
  /** When each write was stored, as `performance.now()` has it. */
  stored: number[]
  requests: number
  problems: string[]
}

const USER = 'hot'
const PATIENCE_MS = 10_000

interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: the caller knows what it asked for
  json: any
}

/** Sends a request; null without an answer, or with one that leaves the outcome open. */
const send = async (
  url: string,
  method: string,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer | null> => {
  try {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${tokenFor(USER)}`, 'content-type': 'application/json', ...headers },
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (response.status >= 500) return null
    return {
      status: response.status,
      headers: response.headers,
      json: text === '' ? undefined : JSON.parse(text),
    }
  } catch {
    return null
  }
}

/** Makes the tasks, and begins the records. */
export const begin = async (url: string, count: number): Promise<Records> => {
  const tasks: HotTask[] = []
  for (let index = 0; index < count; index += 1) {
    const first = `first ${index}`
    const answer = await send(url, 'POST', '/api/tasks', { body: { title: first } })
    if (answer?.status !== 201) throw new Error(`a task could not be made: ${answer?.status}`)
    tasks.push({ id: answer.json.id, first, history: [] })
  }
  return { tasks, keys: new Map(), stored: [], requests: 0, problems: [] }
}

/** One client, which sends one request after the other until it is told to end. */
export const runClient = async (url: string, name: string, records: Records, isOver: () => boolean) => {
  /** The version of each task that this client knows: its title and entity tag. */
  const known = new Map<number, { title: string; tag: string }>()
  let serial = 0
  const unique = (word: string) => {
    serial += 1
    return `${name}-${word}-${serial}`
  }

  const record = async (task: HotTask, kind: Operation['kind']): Promise<void> => {
    const version = known.get(task.id)
    const expected = kind === 'change' ? version : undefined
    const title = kind === 'read' ? '' : unique('title')
    const from = performance.now()
    const answer = await send(url, kind === 'read' ? 'GET' : 'PATCH', `/api/tasks/${task.id}`, {
      ...(kind !== 'read' && { body: { title } }),
      ...(expected && { headers: { 'if-match': expected.tag } }),
    })
    const to = performance.now()
    const operation = { kind, from, title, ...(expected && { expected: expected.title }) }
    if (!answer) task.history.push({ ...operation, to: Number.POSITIVE_INFINITY, outcome: 'unknown' })
    else if (answer.status === 412) {
      task.history.push({ ...operation, to, outcome: 'refused' })
      known.delete(task.id)
    } else if (answer.status === 200) {
      const { title: shown, updated_at: updatedAt } = answer.json
      if (kind !== 'read' && shown !== title) records.problems.push(`stored ${title}, answered ${shown}`)
      task.history.push({ ...operation, to, title: shown, outcome: 'ok', updatedAt })
      known.set(task.id, { title: shown, tag: answer.headers.get('etag') ?? '' })
      if (kind !== 'read') records.stored.push(to)
    } else records.problems.push(`${kind} was answered ${answer.status}`)
  }

  /** Repeats a creation with its key until it is answered, and once more. */
  const createKeyed = async (): Promise<void> => {
    const key = unique('key')
    const ids = new Set<number>()
    for (let answers = 0; answers < 2; ) {
      const answer = await send(url, 'POST', '/api/tasks', {
        body: { title: key },
        headers: { 'idempotency-key': key },
      })
      if (answer && answer.status !== 201) records.problems.push(`${key} was answered ${answer.status}`)
      if (answer) {
        answers += 1
        ids.add(answer.json?.id)
      } else await Bun.sleep(50)
    }
    records.keys.set(key, ids)
  }

  while (!isOver()) {
    const task = records.tasks[Math.floor(Math.random() * records.tasks.length)] as HotTask
    const dice = Math.random()
    records.requests += 1
    if (dice < 0.45) await record(task, 'read')
    else if (dice < 0.7) await record(task, 'write')
    else if (dice < 0.95) await record(task, known.has(task.id) ? 'change' : 'read')
    else await createKeyed()
    await Bun.sleep(5 + Math.random() * 20)
  }
}

/** Every task's title, page by page, by the links. */
export const walk = async (url: string): Promise<string[]> => {
  const titles: string[] = []
  let path: string | undefined = '/api/tasks?limit=7'
  while (path) {
    const answer: Answer | null = await send(url, 'GET', path)
    if (!answer) throw new Error('a page was not answered')
    titles.push(...answer.json.map(({ title }: { title: string }) => title))
    path = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1]
  }
  return titles
}
