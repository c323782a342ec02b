import type { Config } from '../../src/config.ts'
import { type Answer, type Api, describeApi, newUserId } from './api.ts'

/** Where a user's tasks are: `/api/tasks`, or `/api/{user_id}/tasks`. */
export type TasksOf = (userId: string) => string

const forms: [string, TasksOf][] = [
  ['/api/tasks', () => '/api/tasks'],
  ['/api/{user_id}/tasks', (userId) => `/api/${encodeURIComponent(userId)}/tasks`],
]

/** Describes behaviour that must be the same at both forms of the paths, on every database there is. */
export const describeForms = (
  title: string,
  define: (api: Api, tasksOf: TasksOf) => void,
  overrides: Partial<Config> = {},
): void => {
  for (const [form, tasksOf] of forms)
    describeApi(`${title} at ${form}`, (api) => define(api, tasksOf), overrides)
}

/** A task that was made through the API, and where it is. */
export interface MadeTask {
  user: string
  path: string
  etag: string
  // biome-ignore lint/suspicious/noExplicitAny: a test asserts the shape that it reads
  task: any
}

/** Makes a task, of a user of its own unless one is given. */
export const makeTask = async (
  { send }: Api,
  {
    user = newUserId(),
    tasksOf = () => '/api/tasks',
    ...fields
  }: { user?: string; tasksOf?: TasksOf; [field: string]: unknown } = {},
): Promise<MadeTask> => {
  const made = await send('POST', tasksOf(user), { as: user, body: { title: 'A task', ...fields } })
  if (made.status !== 201) throw new Error(`not made: ${made.status} ${made.text}`)
  return {
    user,
    path: `${tasksOf(user)}/${made.json.id}`,
    etag: made.headers.get('etag') ?? '',
    task: made.json,
  }
}

/** The `next` of an answer's `Link`, or `null`. */
export const nextOf = ({ headers }: Answer): string | null =>
  /^<([^>]*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? null
