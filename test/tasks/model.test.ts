import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Answer, type Api, describeApi, newUserId } from '../support/api.ts'
import { nextOf } from '../support/task-forms.ts'

type Status = 'pending' | 'in_progress' | 'completed'

/** A task as the contract says it should be. */
interface ModelTask {
  id: number
  user_id: string
  title: string
  description: string | null
  status: Status
  completed: boolean
  created_at: string
  updated_at: string
}

interface Fields {
  title?: string
  description?: string | null
  status?: Status
  completed?: boolean
}

type Precondition = 'none' | '*' | 'current' | 'stale' | 'weak'

/** An operation by one of the users, on one of all the tasks there ever were: often somebody else's. */
type Operation = { user: number; long: boolean } & (
  | { name: 'create'; fields: Fields; key: number | undefined }
  | { name: 'read'; task: number; seen: Precondition }
  | { name: 'list'; status: Status | 'all' | undefined; completed: boolean | undefined; limit: number }
  | { name: 'put' | 'patch'; task: number; fields: Fields; match: Precondition }
  | { name: 'complete'; task: number; completed: boolean | undefined; match: Precondition }
  | { name: 'delete'; task: number; match: Precondition }
  | { name: 'trespass'; method: string; task: number; owner: number }
)

const USERS = 3

const status = fc.constantFrom<Status>('pending', 'in_progress', 'completed')
const title = fc.oneof(
  fc.constantFrom('A', ' A ', '', ' ', 'x'.repeat(200), '💾'.repeat(201), 'a\0', '\ud800'),
  fc.string({ unit: 'binary', maxLength: 20 }),
)
const description = fc.option(fc.string({ unit: 'binary', maxLength: 20 }), { freq: 3 })
const fields: fc.Arbitrary<Fields> = fc.record(
  { title, description, status, completed: fc.boolean() },
  { requiredKeys: [] },
)
const titled = fc.tuple(fields, title).map(([rest, one]) => ({ ...rest, title: one }))
const task = fc.nat({ max: 30 })
const match = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Precondition>('none') },
  { weight: 2, arbitrary: fc.constantFrom<Precondition>('*', 'current', 'stale', 'weak') },
)
const by = { user: fc.nat({ max: USERS - 1 }), long: fc.boolean() }

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      ...by,
      name: fc.constant('create' as const),
      fields: titled,
      key: fc.option(fc.nat({ max: 2 }), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ ...by, name: fc.constant('read' as const), task, seen: match }) },
  {
    weight: 2,
    arbitrary: fc.record({
      ...by,
      name: fc.constant('list' as const),
      status: fc.option(fc.oneof(status, fc.constant('all' as const)), { nil: undefined }),
      completed: fc.option(fc.boolean(), { nil: undefined }),
      limit: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ ...by, name: fc.constant('put' as const), task, fields: titled, match }),
  },
  { weight: 3, arbitrary: fc.record({ ...by, name: fc.constant('patch' as const), task, fields, match }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ...by,
      name: fc.constant('complete' as const),
      task,
      completed: fc.option(fc.boolean(), { nil: undefined }),
      match,
    }),
  },
  { weight: 2, arbitrary: fc.record({ ...by, name: fc.constant('delete' as const), task, match }) },
  {
    weight: 1,
    arbitrary: fc.record({
      ...by,
      name: fc.constant('trespass' as const),
      method: fc.constantFrom('GET', 'PUT', 'PATCH', 'DELETE'),
      task,
      owner: fc.nat({ max: USERS - 1 }),
    }),
  },
)

const isText = (text: string, maximum: number) =>
  !text.includes('\0') && text.isWellFormed() && [...text].length <= maximum

const disagree = ({ status, completed }: Fields): boolean =>
  status !== undefined && completed !== undefined && completed !== (status === 'completed')

/** Of a status and a completion that disagree, the one that differs from the task; none when both do. */
const settle = (before: ModelTask, { status, completed, ...rest }: Fields): Fields | undefined => {
  if (status === before.status && completed !== undefined) return { ...rest, completed }
  return completed === before.completed && status !== undefined ? { ...rest, status } : undefined
}

/** What the fields make of a task; `undefined` when they are not valid. */
const apply = (before: ModelTask, wanted: Fields): ModelTask | undefined => {
  const after = { ...before }
  if (wanted.title !== undefined) {
    after.title = wanted.title.trim()
    if (after.title === '' || !isText(after.title, 200)) return undefined
  }
  if (wanted.description !== undefined) {
    if (wanted.description !== null && !isText(wanted.description, 10_000)) return undefined
    after.description = wanted.description
  }
  if (wanted.status !== undefined) after.status = wanted.status
  else if (wanted.completed === true) after.status = 'completed'
  else if (wanted.completed === false && before.status === 'completed') after.status = 'pending'
  after.completed = after.status === 'completed'
  return after
}

const isSame = (one: ModelTask, other: ModelTask) =>
  one.title === other.title && one.description === other.description && one.status === other.status

/** The service and the model, side by side; each operation is done to both, and they must agree. */
class Comparison {
  readonly users = Array.from({ length: USERS }, newUserId)
  /** By id, oldest first. */
  readonly tasks = new Map<number, ModelTask>()
  readonly etags = new Map<number, string>()
  /** Every id that was ever given, and one that never was. */
  readonly ids = [Number.MAX_SAFE_INTEGER]
  readonly keys = new Map<string, { made: string; answer: unknown }>()
  readonly api: Api

  constructor(api: Api) {
    this.api = api
  }

  async run(step: Operation) {
    const user = this.users[step.user] as string
    const base = step.long ? `/api/${user}/tasks` : '/api/tasks'
    switch (step.name) {
      case 'create':
        return this.create(user, base, step.fields, step.key)
      case 'list':
        return this.list(user, base, step)
      case 'trespass':
        return this.trespass(user, this.users[step.owner] as string, step.method, this.idOf(step.task))
      default:
        return this.one(user, base, this.idOf(step.task), step)
    }
  }

  idOf = (index: number): number => this.ids[index % this.ids.length] as number

  async create(user: string, base: string, wanted: Fields, key: number | undefined) {
    const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': `key-${key}` }
    const answer = await this.api.send('POST', base, { as: user, body: wanted, headers })
    const blank = { title: '', description: null, status: 'pending', completed: false } as ModelTask
    const made = apply(blank, wanted)
    if (!made || disagree(wanted)) return expect(answer.status).toBe(400)
    const { title, description, status } = made
    const content = JSON.stringify([title, description, status])
    const kept = key === undefined ? undefined : this.keys.get(`${user} ${key}`)
    if (kept && kept.made !== content) return expect(answer.status).toBe(409)
    expect(answer.status).toBe(201)
    if (kept) return expect(answer.json).toEqual(kept.answer)

    const { id, created_at } = answer.json
    expect(answer.json).toEqual({ ...made, id, user_id: user, created_at, updated_at: created_at })
    expect(this.ids).not.toContain(id)
    expect(answer.headers.get('location')).toBe(`${base}/${id}`)
    if (key !== undefined) this.keys.set(`${user} ${key}`, { made: content, answer: answer.json })
    this.ids.push(id)
    this.tasks.set(id, answer.json)
    this.etags.set(id, answer.headers.get('etag') ?? '')
  }

  async list(
    user: string,
    base: string,
    {
      status,
      completed,
      limit,
    }: { status?: string | undefined; completed?: boolean | undefined; limit: number },
  ) {
    const query = new URLSearchParams({ limit: String(limit) })
    if (status !== undefined) query.set('status', status)
    if (completed !== undefined) query.set('completed', String(completed))
    const found: unknown[] = []
    for (let next: string | null = `${base}?${query}`; next !== null; ) {
      const answer = await this.api.send('GET', next, { as: user })
      expect(answer.status).toBe(200)
      expect(answer.json.length).toBeLessThanOrEqual(limit)
      found.push(...answer.json)
      next = nextOf(answer)
    }
    const wanted = [...this.tasks.values()].filter(
      (one) =>
        one.user_id === user &&
        (status === undefined || status === 'all' || one.status === status) &&
        (completed === undefined || one.completed === completed),
    )
    expect(found).toEqual(wanted.toReversed())
  }

  async trespass(user: string, owner: string, method: string, id: number) {
    if (owner === user) return
    const body = method === 'GET' ? undefined : { title: 'stolen' }
    const answer = await this.api.send(method, `/api/${owner}/tasks/${id}`, { as: user, body })
    expect(answer.status).toBe(403)
    expect(answer.text).not.toContain('"id"')
  }

  /** Reads, changes or removes one task. */
  async one(
    user: string,
    base: string,
    id: number,
    step: Exclude<Operation, { name: 'create' | 'list' | 'trespass' }>,
  ) {
    const task = this.tasks.get(id)
    const mine = task?.user_id === user ? task : undefined
    const etag = this.etags.get(id) ?? '"none"'
    const precondition = step.name === 'read' ? step.seen : step.match
    const tags = {
      none: undefined,
      '*': '*',
      current: etag,
      stale: '"2026-02-01T09:30:00.123456Z"',
      weak: `W/${etag}`,
    }
    const tag = tags[precondition]
    const header = step.name === 'read' ? 'if-none-match' : 'if-match'
    const options = {
      as: user,
      headers: (tag === undefined ? {} : { [header]: tag }) as Record<string, string>,
    }
    const path = `${base}/${id}`

    if (step.name === 'read') {
      const answer = await this.api.send('GET', path, options)
      if (!mine) return expect(answer.status).toBe(404)
      expect(answer.headers.get('etag')).toBe(etag)
      if (['*', 'current', 'weak'].includes(precondition)) return expect(answer.status).toBe(304)
      expect(answer.status).toBe(200)
      return expect(answer.json).toEqual(mine)
    }

    const isAllowed = ['none', '*', 'current', 'weak'].includes(precondition)
    const refusal = mine ? (isAllowed ? undefined : 412) : 404

    if (step.name === 'delete') {
      const answer = await this.api.send('DELETE', path, options)
      expect(answer.status).toBe(refusal ?? 204)
      if (refusal === undefined) this.tasks.delete(id)
      return
    }

    const isToggle = step.name === 'complete' && step.completed === undefined
    const wanted: Fields =
      step.name === 'complete' ? { completed: step.completed ?? !mine?.completed } : step.fields
    const answer: Answer = await (step.name === 'complete'
      ? this.api.send('PATCH', `${path}/complete`, { ...options, ...(!isToggle && { body: wanted }) })
      : this.api.send(step.name.toUpperCase(), path, { ...options, body: wanted }))

    const before = mine ?? ({ title: 'A', status: 'pending', completed: false } as ModelTask)
    const settled = disagree(wanted) ? settle(before, wanted) : wanted
    const after = apply(before, settled ?? wanted)
    if (!after || Object.keys(wanted).length === 0) return expect(answer.status).toBe(400)
    expect(answer.status).toBe(refusal ?? (settled ? 200 : 400))
    if (!mine || refusal !== undefined || !settled) return

    const { updated_at } = answer.json
    expect(answer.json).toEqual({ ...after, updated_at })
    const newTag = answer.headers.get('etag') ?? ''
    if (isSame(mine, after)) {
      expect([updated_at, newTag]).toEqual([mine.updated_at, etag])
    } else {
      expect(updated_at > mine.updated_at).toBe(true)
      expect(newTag).not.toBe(etag)
    }
    this.tasks.set(id, answer.json)
    this.etags.set(id, newTag)
  }

  /** Each user sees all of theirs, and no task of anybody else. */
  async finish() {
    for (const user of this.users) {
      await this.list(user, '/api/tasks', { limit: 1000 })
      for (const id of this.ids) {
        const { status, json } = await this.api.send('GET', `/api/tasks/${id}`, { as: user })
        const task = this.tasks.get(id)
        if (task?.user_id === user) expect(json).toEqual(task)
        else expect(status).toBe(404)
      }
    }
  }
}

describeApi('several users doing anything at all', (api) => {
  test('see what a plain model of the contract says, and nothing of one another', async () => {
    const property = fc.asyncProperty(
      fc.array(operation, { minLength: 10, maxLength: 60, size: 'max' }),
      async (steps) => {
        const comparison = new Comparison(api)
        for (const step of steps) await comparison.run(step)
        await comparison.finish()
      },
    )
    await fc.assert(property, { numRuns: 30 })
  }, 60_000)
})
