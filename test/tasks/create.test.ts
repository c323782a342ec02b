import { expect, test } from 'bun:test'
import { newUserId } from '../support/api.ts'
import { expectInvalid, expectProblem } from '../support/problem.ts'
import { describeForms, makeTask } from '../support/task-forms.ts'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/

describeForms('creating a task', (api, tasksOf) => {
  const { send } = api

  test('stores the task as the token’s user’s own, with a Location and an ETag', async () => {
    const user = newUserId()
    const created = await send('POST', tasksOf(user), {
      as: user,
      body: { title: '  Buy milk ', user_id: 'x', id: 7, created_at: '1999-01-01T00:00:00Z', updated_at: 5 },
    })

    expect(created.status).toBe(201)
    expect(created.json).toEqual({
      id: expect.any(Number),
      user_id: user,
      title: 'Buy milk',
      description: null,
      status: 'pending',
      completed: false,
      created_at: expect.stringMatching(TIME),
      updated_at: created.json.created_at,
    })
    expect(created.json.id).not.toBe(7)
    expect(created.json.created_at.slice(0, 4)).not.toBe('1999')
    expect(created.headers.get('content-type')).toBe('application/json')
    expect(created.headers.get('location')).toBe(`${tasksOf(user)}/${created.json.id}`)
    expect(created.headers.get('etag')).toMatch(/^"[\x21\x23-\x7e]+"$/)

    const read = await send('GET', created.headers.get('location') ?? '', { as: user })
    expect(read.json).toEqual(created.json)
    expect(read.headers.get('etag')).toBe(created.headers.get('etag'))
  })

  test('stores every field that a client may set', async () => {
    const { task } = await makeTask(api, {
      tasksOf,
      title: 'Paint',
      description: ' two\ncoats ',
      status: 'in_progress',
      completed: false,
    })
    expect(task).toMatchObject({
      title: 'Paint',
      description: ' two\ncoats ',
      status: 'in_progress',
      completed: false,
    })
  })

  test('answers a Location without a double slash when the path ended with one', async () => {
    const user = newUserId()
    const created = await send('POST', `${tasksOf(user)}/`, { as: user, body: { title: 'A' } })
    expect(created.headers.get('location')).toBe(`${tasksOf(user)}/${created.json.id}`)
  })

  test('gives every task an id of its own, also when many are made at once', async () => {
    const user = newUserId()
    const made = await Promise.all(Array.from({ length: 20 }, () => makeTask(api, { user, tasksOf })))
    expect(new Set(made.map(({ task }) => task.id)).size).toBe(20)
  })

  test('requires a title', async () => {
    const user = newUserId()
    const answer = await send('POST', tasksOf(user), { as: user, body: { description: 'x' } })
    expectInvalid(answer, tasksOf(user), 'title', 'is required')
  })

  test('requires a body', async () => {
    const user = newUserId()
    for (const body of [undefined, '']) {
      const answer = await send('POST', tasksOf(user), {
        as: user,
        body,
        headers: { 'content-type': 'application/json' },
      })
      expectProblem(answer, {
        status: 400,
        code: 'malformed_json',
        detail: 'A JSON body is required',
        instance: tasksOf(user),
      })
    }
  })

  test('stores nothing when it refuses', async () => {
    const user = newUserId()
    await send('POST', tasksOf(user), { as: user, body: { title: 'A', status: 'done' } })
    expect((await send('GET', tasksOf(user), { as: user })).json).toEqual([])
  })
})
