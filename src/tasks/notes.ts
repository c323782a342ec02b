import type { OperationNotes, ReplyNotes } from '../http/notes.ts'
import type { TaskReply } from './schema.ts'

// The texts and examples of the OpenAPI document for the operations on tasks.

const task: TaskReply = {
  id: 42,
  user_id: 'user_1',
  title: 'Buy milk',
  description: 'Two litres, the blue one',
  status: 'pending',
  completed: false,
  created_at: '2026-02-01T09:30:00.123000Z',
  updated_at: '2026-02-01T09:30:00.123000Z',
}
const changed: TaskReply = { ...task, updated_at: '2026-02-01T10:00:00.456000Z' }
const completed: TaskReply = { ...changed, status: 'completed', completed: true }

const taskReply = (description: string, example: TaskReply): ReplyNotes => ({
  description,
  headers: ['ETag'],
  example,
})

const patchReply = (example: TaskReply): ReplyNotes => ({
  description: 'The task as it is now',
  headers: ['ETag', 'Accept-Patch'],
  example,
})

const notes = <const Name extends string>(
  operationId: Name,
  summary: string,
  description: string,
  rest: OperationNotes['x-notes'],
): OperationNotes => ({ operationId, tags: ['tasks'], summary, description, 'x-notes': rest })

const removal = (reply: OperationNotes['x-notes']['replies']) =>
  notes('deleteTask', 'Delete a task', 'Deletes it for good.', {
    requestHeaders: ['If-Match', 'If-None-Match'],
    replies: reply,
  })

export const listTasks = notes(
  'listTasks',
  'List tasks',
  'Newest first. Following `Link: <…>; rel="next"` until there is none visits each task that existed ' +
    'throughout exactly once. A page may also end before `limit`, with the task with which it passes 1 MiB.',
  { replies: { 200: { description: 'The tasks', headers: ['Link'], example: [task] } } },
)

export const createTask = notes(
  'createTask',
  'Create a task',
  'White space around the title is trimmed. Fields that a client may not set, and unknown ones, are ignored. ' +
    'Send an `Idempotency-Key` where a request may be sent twice.',
  {
    requestHeaders: ['Idempotency-Key'],
    bodies: {
      'A title is enough': { title: 'Buy milk' },
      Everything: { title: 'Buy milk', description: 'Two litres, the blue one', status: 'in_progress' },
    },
    replies: { 201: { ...taskReply('The new task', task), headers: ['ETag', 'Location'] } },
  },
)

export const getTask = notes('getTask', 'Read a task', 'A task of another user is answered like none.', {
  requestHeaders: ['If-Match', 'If-None-Match'],
  replies: {
    200: taskReply('The task', task),
    304: { description: 'The client’s copy is good', headers: ['ETag'] },
  },
})

export const replaceTask = notes(
  'replaceTask',
  'Change a task as a whole',
  'The title is required. An optional field that is absent stays as it is, so nothing is lost by leaving it ' +
    'out; `description: null` clears it. A task may be sent back as it was read with `status` or `completed` ' +
    'changed: where the two do not agree, the one that differs from the stored task counts, and `completed` where ' +
    '`updated_at` is that of another version.',
  {
    requestHeaders: ['If-Match', 'If-None-Match'],
    bodies: { 'Clear the description': { title: 'Buy milk', description: null, completed: false } },
    replies: { 200: taskReply('The task as it is now', { ...changed, description: null }) },
  },
)

export const updateTask = notes(
  'updateTask',
  'Change some of a task',
  'At least one field is required; only what is given changes. `completed: false` takes a completed task ' +
    'back to pending and leaves any other status as it is.',
  {
    requestHeaders: ['If-Match', 'If-None-Match'],
    bodies: { Start: { status: 'in_progress' }, Rename: { title: 'Buy oat milk' } },
    replies: { 200: patchReply({ ...changed, status: 'in_progress' }) },
  },
)

export const completeTask = notes(
  'completeTask',
  'Complete a task, or take that back',
  'Without a body the task is toggled, which is not safe to repeat: send `completed` or `If-Match` where a ' +
    'request may be sent twice.',
  {
    requestHeaders: ['If-Match', 'If-None-Match'],
    optionalBody: true,
    bodies: { Complete: { completed: true }, Reopen: { completed: false }, Toggle: {} },
    replies: { 200: patchReply(completed) },
  },
)

/** By the value of `DELETE_STATUS`. */
export const deleteTask = {
  204: removal({ 204: { description: 'Deleted' } }),
  200: removal({ 200: { description: 'Deleted', example: { message: 'Task deleted' } } }),
}
