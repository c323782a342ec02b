import { Elysia, t } from 'elysia'
import type { Guard } from '../auth/guard.ts'
import { AppError } from '../errors.ts'
import { entityTag, isOneOf, readingConditions, versionsToChange } from '../http/etag.ts'
import { idempotencyKey } from '../http/idempotency-key.ts'
import type { JsonBody } from '../http/json-body.ts'
import type { Outbox } from '../http/outbox.ts'
import type { Versions } from './change-sql.ts'
import * as notes from './notes.ts'
import type { TaskRepository } from './repository.ts'
import {
  DISAGREEMENT,
  fingerprintOf,
  forgetEmpty,
  formatCursor,
  ListQuery,
  readCompletion,
  readListQuery,
  readNewTask,
  readTaskChange,
  readTaskPatch,
  type TaskChange,
  TaskComplete,
  TaskCreate,
  TaskParams,
  TaskReply,
  TaskUpdate,
} from './schema.ts'

export interface TaskRoutesOptions {
  tasks: TaskRepository
  outbox: Outbox
  guard: Guard
  body: JsonBody
  /** 204 without a body, or 200 with a message. */
  deleteStatus: 204 | 200
}

/** The two prefixes of the same resource, with and without the user. */
export type TaskPrefix = '/api/tasks' | '/api/:user_id/tasks'

const reply = t.NoValidate(TaskReply)

/** The query of a URL with one parameter set. Does not parse the rest, which may be an invalid URL. */
const withParameter = (url: string, name: string, value: string): URLSearchParams => {
  const [, ...query] = url.split('?')
  const parameters = new URLSearchParams(query.join('?'))
  parameters.set(name, value)
  return parameters
}

/** The seven operations on tasks, under one of the two prefixes. */
export const taskRoutes = <const Prefix extends TaskPrefix>(
  prefix: Prefix,
  { tasks, outbox, guard, body, deleteStatus }: TaskRoutesOptions,
) => {
  /** The path of the user's tasks. The path of the request may contain characters that headers do not allow. */
  const pathOf = (userId: string): string => prefix.replace(':user_id', encodeURIComponent(userId))

  /** Why a task was not changed: not found, then another version, then a status and completion that disagree. */
  const refusal = async (userId: string, id: number, versions: Versions, wanted?: TaskChange | 'toggle') => {
    const mayBeUnclear = typeof wanted === 'object' && typeof wanted.status === 'object'
    const task = versions === '*' && !mayBeUnclear ? null : await tasks.find(userId, id)
    if (!task) return new AppError('not_found')
    return mayBeUnclear && isOneOf(versions, task.updated_at)
      ? new AppError('invalid_request', { errors: [DISAGREEMENT] })
      : new AppError('precondition_failed')
  }

  const change = async (userId: string, taskId: string, wanted: TaskChange | 'toggle', request: Request) => {
    const id = Number(taskId)
    const versions = versionsToChange(request)
    const task =
      wanted === 'toggle'
        ? await tasks.toggle(userId, id, versions)
        : await tasks.change(userId, id, wanted, versions)
    if (!task) throw await refusal(userId, id, versions, wanted)
    return task
  }

  return new Elysia({ prefix })
    .use(guard)

    .get(
      '',
      async ({ userId, query, request, set }) => {
        const filter = readListQuery(query)
        outbox.admit(userId)
        const page = await tasks.list(userId, filter)
        // Again: many may have been let in before the first of them was answered.
        outbox.admit(userId, () => JSON.stringify(page.tasks).length)
        const last = page.tasks.at(-1)
        if (last && !page.isLast)
          set.headers.link = `<${pathOf(userId)}?${withParameter(request.url, 'after', formatCursor(last))}>; rel="next"`
        return page.tasks
      },
      {
        query: ListQuery,
        ...body.unread,
        transform: [body.unread.transform, forgetEmpty],
        response: t.NoValidate(t.Array(TaskReply)),
        detail: notes.listTasks,
      },
    )

    .post(
      '',
      async ({ userId, body, request, set }) => {
        const wanted = readNewTask(body)
        const key = idempotencyKey(request)
        const task =
          key === undefined
            ? await tasks.create(userId, wanted)
            : await tasks.createOnce(userId, wanted, { key, fingerprint: fingerprintOf(wanted) })
        if (!task) throw new AppError('idempotency_key_reused')
        set.status = 201
        set.headers.location = `${pathOf(userId)}/${task.id}`
        set.headers.etag = entityTag(task)
        return task
      },
      { ...body.required(TaskCreate), response: { 201: reply }, detail: notes.createTask },
    )

    .get(
      '/:task_id',
      async ({ userId, params, request, set }) => {
        const decide = readingConditions(request)
        const task = await tasks.find(userId, Number(params.task_id))
        if (!task) throw new AppError('not_found')
        const decision = decide(task.updated_at)
        if (decision === 'failed') throw new AppError('precondition_failed')
        set.headers.etag = entityTag(task)
        if (decision === 'read') return task
        set.status = 304
      },
      { params: TaskParams, ...body.unread, response: { 200: reply, 304: t.Void() }, detail: notes.getTask },
    )

    .put(
      '/:task_id',
      async ({ userId, params, body, request, set }) => {
        const task = await change(userId, params.task_id, readTaskChange(body), request)
        set.headers.etag = entityTag(task)
        return task
      },
      { params: TaskParams, ...body.required(TaskCreate), response: reply, detail: notes.replaceTask },
    )

    .patch(
      '/:task_id',
      async ({ userId, params, body, request, set }) => {
        const task = await change(userId, params.task_id, readTaskPatch(body), request)
        set.headers.etag = entityTag(task)
        return task
      },
      { params: TaskParams, ...body.patch(TaskUpdate), response: reply, detail: notes.updateTask },
    )

    .patch(
      '/:task_id/complete',
      async ({ userId, params, body, request, set }) => {
        const task = await change(userId, params.task_id, readCompletion(body), request)
        set.headers.etag = entityTag(task)
        return task
      },
      {
        params: TaskParams,
        ...body.optionalPatch(TaskComplete),
        response: reply,
        detail: notes.completeTask,
      },
    )

    .delete(
      '/:task_id',
      async ({ userId, params, request, set }) => {
        const id = Number(params.task_id)
        const versions = versionsToChange(request)
        if (!(await tasks.remove(userId, id, versions))) throw await refusal(userId, id, versions)
        if (deleteStatus === 200) return { message: 'Task deleted' }
        set.status = 204
      },
      {
        params: TaskParams,
        ...body.unread,
        response: { 200: t.Object({ message: t.String() }), 204: t.Void() },
        detail: notes.deleteTask[deleteStatus],
      },
    )
}
