import createClient from 'openapi-fetch'
import type { components, paths } from 'todo-backend/api'

export type Task = components['schemas']['Task']
export type TaskStatus = components['schemas']['TaskStatus']
export type NewTask = components['schemas']['TaskCreate']
export type TaskChange = components['schemas']['TaskUpdate']
type Problem = components['schemas']['Problem']

/** Which tasks a list shows. */
export type Filter = 'all' | TaskStatus

export interface Page {
  tasks: Task[]
  /** Where the next page begins; none after the last. */
  next: string | undefined
}

/** A task with its entity tag, which a change sends back so that it overwrites nothing unseen. */
export interface VersionedTask {
  task: Task
  etag: string
}

const PAGE_SIZE = 20

/** An answer that is not a success. Its message is for people. */
export class Refusal extends Error {
  readonly status: number
  /** The API's stable word for the reason, where it was the API that answered. */
  readonly code: Problem['code'] | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(response: Response, problem: Partial<Problem> | string | undefined) {
    const { detail, code } = typeof problem === 'object' ? problem : {}
    super(detail ?? `The service answered ${response.status}.`)
    this.status = response.status
    this.code = code
    this.retryAfterSeconds = Number(response.headers.get('retry-after')) || undefined
  }
}

/** Whether there is no such task, or not any more. */
export const isGone = (error: Error | null): boolean => error instanceof Refusal && error.status === 404

interface Answer<Data> {
  data?: Data
  error?: Problem
  response: Response
}

const dataOf = <Data>({ data, error, response }: Answer<Data>): Data => {
  if (!response.ok) throw new Refusal(response, error)
  return data as Data
}

const versionOf = (answer: Answer<Task>): VersionedTask => ({
  task: dataOf(answer),
  etag: answer.response.headers.get('etag') ?? '',
})

const nextOf = (response: Response): string | undefined => {
  const url = /<([^>]+)>; *rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
  return (url && new URL(url, response.url).searchParams.get('after')) || undefined
}

/**
 * The task API, typed by its OpenAPI document.
 *
 * @param send sends a request with the user's token: each side of this app has its own way to one
 */
export function createTasksApi(baseUrl: string, send: (request: Request) => Promise<Response>) {
  const client = createClient<paths>({ baseUrl, fetch: send })
  const path = (task_id: number) => ({ path: { task_id } })

  return {
    async list(status: Filter, after?: string): Promise<Page> {
      const query = { status, limit: PAGE_SIZE, ...(after && { after }) }
      const answer = await client.GET('/api/tasks', { params: { query } })
      return { tasks: dataOf(answer), next: nextOf(answer.response) }
    },

    async read(id: number): Promise<VersionedTask> {
      return versionOf(await client.GET('/api/tasks/{task_id}', { params: path(id) }))
    },

    /** However often this is sent with the same key, there is one new task. */
    async create(body: NewTask, idempotencyKey: string): Promise<Task> {
      const params = { header: { 'Idempotency-Key': idempotencyKey } }
      return dataOf(await client.POST('/api/tasks', { body, params }))
    },

    /** @throws {Refusal} 412 when the task is not the version of the entity tag any more */
    async change(id: number, body: TaskChange, etag: string): Promise<VersionedTask> {
      const params = { ...path(id), header: { 'If-Match': etag } }
      return versionOf(await client.PATCH('/api/tasks/{task_id}', { body, params }))
    },

    async complete(id: number, completed: boolean): Promise<Task> {
      const options = { body: { completed }, params: path(id) }
      return dataOf(await client.PATCH('/api/tasks/{task_id}/complete', options))
    },

    /** A task that is gone already is no error. */
    async remove(id: number): Promise<void> {
      const answer = await client.DELETE('/api/tasks/{task_id}', { params: path(id) })
      if (answer.response.status !== 404) dataOf(answer)
    },
  }
}

export type TasksApi = ReturnType<typeof createTasksApi>
