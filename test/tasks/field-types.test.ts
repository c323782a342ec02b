import { expect, test } from 'bun:test'
import { describeApi, newUserId } from '../support/api.ts'
import { expectInvalid, expectProblem } from '../support/problem.ts'
import { makeTask } from '../support/task-forms.ts'

const wrong: { field: string; values: unknown[]; message: string }[] = [
  { field: 'title', values: [null, 1, true, ['a'], { a: 1 }], message: 'must be a string' },
  { field: 'description', values: [1, false, [], {}], message: 'must be a string or null' },
  {
    field: 'status',
    values: [null, '', 'done', 'Pending', 'pending ', 1, true, ['pending'], {}],
    message: 'must be one of pending, in_progress, completed',
  },
  { field: 'completed', values: [null, 'true', 'false', 0, 1, [], {}], message: 'must be true or false' },
]

describeApi('the types of a task’s fields', (api) => {
  const { send } = api

  for (const { field, values, message } of wrong)
    test(`${field} ${message}`, async () => {
      const { user, path } = await makeTask(api)
      for (const value of values) {
        const body = { title: 'A', [field]: value }
        expectInvalid(await send('POST', '/api/tasks', { as: user, body }), '/api/tasks', field, message)
        expectInvalid(await send('PUT', path, { as: user, body }), path, field, message)
        expectInvalid(await send('PATCH', path, { as: user, body: { [field]: value } }), path, field, message)
      }
    })

  test('a body must be an object', async () => {
    const { user, path } = await makeTask(api)
    for (const body of ['null', '[]', '[{"title":"A"}]', '"title"', '1', 'true'])
      for (const [method, at] of [
        ['POST', '/api/tasks'],
        ['PUT', path],
        ['PATCH', path],
        ['PATCH', `${path}/complete`],
      ] as const) {
        const answer = await send(method, at, {
          as: user,
          body,
          headers: { 'content-type': 'application/json' },
        })
        expectInvalid(answer, at, 'body', 'must be an object')
      }
  })

  test('unknown fields and fields that only the service sets are ignored, whatever their type', async () => {
    const ignored = {
      id: 'x',
      user_id: null,
      created_at: [],
      updated_at: {},
      priority: 'high',
      constructor: 1,
    }
    const { user, path, task } = await makeTask(api, ignored)
    const replaced = await send('PUT', path, { as: user, body: { ...ignored, title: 'B' } })
    expect(replaced.json).toEqual({ ...task, title: 'B', updated_at: replaced.json.updated_at })
    const changed = await send('PATCH', path, { as: user, body: { ...ignored, title: 'C' } })
    expect(changed.json).toEqual({ ...task, title: 'C', updated_at: changed.json.updated_at })
  })

  test('a field named __proto__ is ignored like any other', async () => {
    const user = newUserId()
    const headers = { 'content-type': 'application/json' }
    const sneaky = '{"__proto__":{"title":"A","completed":true}}'
    const answer = await send('POST', '/api/tasks', { as: user, body: sneaky, headers })
    expectInvalid(answer, '/api/tasks', 'title', 'is required')
    const made = await send('POST', '/api/tasks', {
      as: user,
      body: '{"title":"A","__proto__":{"completed":true,"status":"completed"}}',
      headers,
    })
    expect(made.json).toMatchObject({ title: 'A', status: 'pending', completed: false })
  })

  test('a whole task can be sent back, and nothing changes', async () => {
    const { user, path, task, etag } = await makeTask(api, { description: 'd', status: 'in_progress' })
    for (const method of ['PUT', 'PATCH']) {
      const answer = await send(method, path, { as: user, body: task })
      expect(answer.status).toBe(200)
      expect(answer.json).toEqual(task)
      expect(answer.headers.get('etag')).toBe(etag)
    }
  })

  test('a PATCH with nothing to change is refused', async () => {
    const { user, path } = await makeTask(api)
    for (const body of [{}, { id: 3 }, { Title: 'A' }, { done: true }]) {
      const answer = await send('PATCH', path, { as: user, body })
      expectProblem(answer, {
        status: 400,
        code: 'invalid_request',
        detail: 'body must have at least one of title, description, status and completed',
        instance: path,
        errors: [
          { field: 'body', message: 'must have at least one of title, description, status and completed' },
        ],
      })
    }
  })
})
