import { type Static, t } from 'elysia'
import { FormatRegistry } from 'elysia/type-system'
import { TASK_STATUSES } from '../db/task-statuses.ts'
import { AppError, type FieldError } from '../errors.ts'
import { readTime, type TimeRange } from './read-at.ts'

// A schema with a title is a component of that name in the OpenAPI document. `x-documented-as` is the schema shown there
// for a parameter that is validated as text. The description of a schema with a format or a pattern completes the
// error message "… must be".
FormatRegistry.Set('task-id', (text) => /^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text)))

/** One of some words. Elysia's own enumeration has its first word as the default, which is removed. */
const oneOf = <const Words extends [string, ...string[]]>(
  words: Words,
  options: Parameters<typeof t.String>[0] = {},
) => {
  const schema = t.UnionEnum(words, options)
  delete schema.default
  return schema as unknown as ReturnType<typeof t.Unsafe<Words[number]>>
}

const Title = t.String({ description: '1 to 200 characters after trimming white space' })
const Description = t.Union([t.String(), t.Null()], { description: 'at most 10,000 characters, or null' })
const Status = oneOf([...TASK_STATUSES], { title: 'TaskStatus' })
const Completed = t.Boolean({ description: 'true stands for the status "completed"' })

// Unknown fields are ignored, so that a front end can send a whole task back.
const open = { additionalProperties: true }

/** A task as every endpoint returns it. */
export const TaskReply = t.Object(
  {
    id: t.Integer({ minimum: 1 }),
    user_id: t.String({ description: 'The owner: the subject of the token' }),
    title: t.String({ minLength: 1, maxLength: 200 }),
    description: t.Union([t.String({ maxLength: 10_000 }), t.Null()]),
    status: Status,
    completed: t.Boolean({ description: 'Whether `status` is "completed"' }),
    created_at: t.String({ format: 'date-time' }),
    updated_at: t.String({ format: 'date-time', description: 'The time of the last stored change' }),
  },
  { title: 'Task' },
)
export type TaskReply = Static<typeof TaskReply>

/** The body of `POST /api/tasks` and of `PUT`, which leaves absent fields as they are. */
export const TaskCreate = t.Object(
  {
    title: Title,
    description: t.Optional(Description),
    status: t.Optional(Status),
    completed: t.Optional(Completed),
  },
  { title: 'TaskCreate', ...open },
)
export type TaskCreate = Static<typeof TaskCreate>

/** The body of `PATCH`: any of the fields, at least one. */
export const TaskUpdate = t.Partial(TaskCreate, { title: 'TaskUpdate', ...open })
export type TaskUpdate = Static<typeof TaskUpdate>

/** The body of `PATCH …/complete`; an empty one toggles. */
export const TaskComplete = t.Object({ completed: t.Optional(Completed) }, { title: 'TaskComplete', ...open })
export type TaskComplete = Static<typeof TaskComplete>

export const TaskParams = t.Object(
  {
    task_id: t.String({
      format: 'task-id',
      description: 'a whole number from 1 to 9007199254740991',
      'x-documented-as': { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER, example: 42 },
    }),
  },
  open,
)

export const ListQuery = t.Object(
  {
    status: t.Optional(oneOf(['all', ...TASK_STATUSES], { description: 'only tasks in this state' })),
    completed: t.Optional(
      oneOf(['true', 'false'], {
        description: 'only tasks that are, or are not, completed',
        'x-documented-as': { type: 'boolean' },
      }),
    ),
    limit: t.Optional(
      t.String({
        pattern: '^([1-9]\\d{0,2}|1000)$',
        description: 'a whole number from 1 to 1000',
        'x-documented-as': { type: 'integer', minimum: 1, maximum: 1000, default: 1000 },
      }),
    ),
    after: t.Optional(t.String({ description: 'the cursor of a `Link` with rel="next"' })),
  },
  open,
)
export type ListQuery = Static<typeof ListQuery>

/** Removes empty parameters from a query: the "all" option of a form sends `status=`. */
export const forgetEmpty = ({ query }: { query: Record<string, unknown> }): void => {
  for (const name in query) if (query[name] === '') delete query[name]
}

export type TaskStatus = (typeof TASK_STATUSES)[number]

/** The fields of a new task, with their defaults. */
export type NewTask = Pick<TaskReply, 'title' | 'description' | 'status'>

/**
 * A digest of a new task, which is kept for a day with its `Idempotency-Key`. It depends on the order of the fields, which is
 * that of {@link readNewTask}. `null` at the end does not count: a field that a later version adds at the end, `null` by
 * default, does not change the digests of tasks without it.
 */
export const fingerprintOf = (task: NewTask): Uint8Array => {
  const values = Object.values(task)
  while (values.at(-1) === null) values.pop()
  return new Bun.CryptoHasher('sha256').update(JSON.stringify(values)).digest()
}

/**
 * A change to a task. Absent fields stay. `reopened` takes a completed task back to pending and leaves any other status as it
 * is.
 */
export interface TaskChange extends Partial<Omit<NewTask, 'status'>> {
  status?: TaskStatus | 'reopened' | Disagreement
}

/**
 * A status and a completion that disagree. Front ends send a task back with one of the two changed: the one that differs
 * from the stored task counts.
 */
export interface Disagreement {
  status: TaskStatus
  completed: boolean
  /** The version that the client has read. If the stored one is another, `completed` counts. */
  readAt: TimeRange | undefined
}

/** Throws `invalid_request` if there are errors. */
const refuse = (errors: FieldError[]) => {
  if (errors.length > 0) throw new AppError('invalid_request', { errors })
}

/** Characters are code points. They are only counted where the length in UTF-16 units does not decide. */
const isLongerThan = (text: string, characters: number): boolean =>
  text.length > characters && (text.length > 2 * characters || [...text].length > characters)

/** PostgreSQL cannot store NUL, and would store an unpaired surrogate as U+FFFD, so both are refused. */
const textErrors = (field: string, text: string, maximum: number): FieldError[] => {
  if (text.includes('\0')) return [{ field, message: 'must not contain NUL characters' }]
  if (!text.isWellFormed()) return [{ field, message: 'must not contain unpaired surrogates' }]
  if (isLongerThan(text, maximum)) return [{ field, message: `must have at most ${maximum} characters` }]
  return []
}

const titleErrors = (title: string): FieldError[] =>
  title === '' ? [{ field: 'title', message: 'must not be empty' }] : textErrors('title', title, 200)

const descriptionErrors = (description: string | null): FieldError[] =>
  description === null ? [] : textErrors('description', description, 10_000)

/** The error for a status and a completion that disagree when it is not clear which one is meant. */
export const DISAGREEMENT: FieldError = { field: 'completed', message: 'must agree with status' }

const isDisagreement = ({ status, completed }: TaskUpdate): boolean =>
  status !== undefined && completed !== undefined && completed !== (status === 'completed')

const readStatus = (body: TaskUpdate & { updated_at?: unknown }): TaskChange['status'] => {
  const { status, completed, updated_at: updatedAt } = body
  const byCompletion = completed ? 'completed' : 'reopened'
  if (status === undefined || completed === undefined)
    return status ?? (completed === undefined ? undefined : byCompletion)
  if (!isDisagreement(body)) return status
  const readAt = readTime(updatedAt)
  // A value that is not a time cannot be the stored version.
  return readAt === undefined && updatedAt !== undefined ? byCompletion : { status, completed, readAt }
}

/**
 * Reads a body that changes a task, and checks what its schema cannot.
 *
 * @param known errors already found, to be reported with the others
 * @throws {AppError} `invalid_request`
 */
export const readTaskChange = (body: TaskUpdate, known: readonly FieldError[] = []): TaskChange => {
  const change: TaskChange = {}
  const errors = [...known]
  if (body.title !== undefined) {
    change.title = body.title.trim()
    errors.push(...titleErrors(change.title))
  }
  if (body.description !== undefined) {
    change.description = body.description
    errors.push(...descriptionErrors(body.description))
  }
  const status = readStatus(body)
  if (status !== undefined) change.status = status
  refuse(errors)
  return change
}

/**
 * As {@link readTaskChange}, for `PATCH`, which needs at least one field.
 *
 * @throws {AppError} `invalid_request`
 */
export const readTaskPatch = (body: TaskUpdate): TaskChange => {
  const change = readTaskChange(body)
  if (Object.keys(change).length === 0) {
    const fields = Object.keys(TaskUpdate.properties)
      .join(', ')
      .replace(/, (\w+)$/, ' and $1')
    refuse([{ field: 'body', message: `must have at least one of ${fields}` }])
  }
  return change
}

/**
 * As {@link readTaskChange}, for a new task.
 *
 * @throws {AppError} `invalid_request`
 */
export const readNewTask = (body: TaskCreate): NewTask => {
  const { title = '', description = null } = readTaskChange(body, isDisagreement(body) ? [DISAGREEMENT] : [])
  return { title, description, status: body.status ?? (body.completed ? 'completed' : 'pending') }
}

/**
 * Reads the body of `PATCH …/complete`. An empty one toggles; one with other fields is refused, because a misspelt field
 * must not toggle.
 *
 * @throws {AppError} `invalid_request`
 */
export const readCompletion = (body: TaskComplete): TaskChange | 'toggle' => {
  if (body.completed !== undefined) return { status: body.completed ? 'completed' : 'reopened' }
  if (Object.keys(body).length > 0) refuse([{ field: 'completed', message: 'is required' }])
  return 'toggle'
}

/** Selects the tasks of a list. */
export interface TaskFilter {
  /** The statuses wanted: all of them, some, or none. */
  statuses: readonly TaskStatus[]
  limit: number
  /** Only tasks before this one in the order of lists. */
  after: number | undefined
}

/** The cursor of the next page, made from the id of the last task. {@link readListQuery} reads it. */
export const formatCursor = ({ id }: { id: number }): string => Buffer.from(`${id}`).toString('base64url')

/** The decoded cursor. Those of version 1.0.0 have the time of creation before the id. */
const CURSOR = /^(?:(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{6}Z\/)?([1-9]\d{0,15})$/

const isTime = (text: string): boolean => {
  const time = new Date(`${text}Z`)
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text) && !text.startsWith('0000')
}

const parseCursor = (text: string): number => {
  const decoded = Buffer.from(text, 'base64url')
  const [, time, digits] = CURSOR.exec(decoded.toString()) ?? []
  const id = Number(digits)
  const isGood = Number.isSafeInteger(id) && (time === undefined || isTime(time))
  // Decoding ignores characters that are not base64url, so the text must be the same when encoded again.
  if (!isGood || decoded.toString('base64url') !== text)
    throw new AppError('invalid_request', { errors: [{ field: 'after', message: 'is not a cursor' }] })
  return id
}

/**
 * Reads the query of a list.
 *
 * @throws {AppError} `invalid_request` for a malformed cursor
 */
export const readListQuery = ({
  status = 'all',
  completed,
  limit = '1000',
  after,
}: ListQuery): TaskFilter => ({
  statuses: TASK_STATUSES.filter(
    (one) =>
      (status === 'all' || one === status) &&
      (completed === undefined || (one === 'completed') === (completed === 'true')),
  ),
  limit: Number(limit),
  after: after === undefined ? undefined : parseCursor(after),
})
