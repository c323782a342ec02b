import { expect, test } from 'bun:test'
import { expectInvalid, expectProblem, notFound } from '../support/problem.ts'
import { describeForms, makeTask } from '../support/task-forms.ts'

describeForms('PATCH …/complete', (api, tasksOf) => {
  const { send } = api

  test('toggles with no body, with an empty one and with {}', async () => {
    const json = { 'content-type': 'application/json' }
    const { user, path, task } = await makeTask(api, { tasksOf, description: 'd' })
    let completed = false
    for (const options of [
      {},
      { headers: json },
      { body: '', headers: json },
      { body: {} },
      { body: '{ }', headers: json },
    ]) {
      completed = !completed
      const answer = await send('PATCH', `${path}/complete`, { as: user, ...options })
      expect(answer.status).toBe(200)
      expect(answer.json).toEqual({
        ...task,
        completed,
        status: completed ? 'completed' : 'pending',
        updated_at: answer.json.updated_at,
      })
    }
  })

  test('a toggle completes a task in progress', async () => {
    const { user, path } = await makeTask(api, { tasksOf, status: 'in_progress' })
    const { json } = await send('PATCH', `${path}/complete`, { as: user })
    expect(json).toMatchObject({ status: 'completed', completed: true })
  })

  test('sets what it is given, and again changes nothing', async () => {
    const { user, path } = await makeTask(api, { tasksOf, status: 'in_progress' })
    for (const [completed, status] of [
      [false, 'in_progress'],
      [true, 'completed'],
      [false, 'pending'],
    ] as const) {
      const first = await send('PATCH', `${path}/complete`, { as: user, body: { completed } })
      expect(first.status).toBe(200)
      expect(first.json).toMatchObject({ status, completed })
      const again = await send('PATCH', `${path}/complete`, { as: user, body: { completed } })
      expect(again.json).toEqual(first.json)
      expect(again.headers.get('etag')).toBe(first.headers.get('etag'))
    }
  })

  test('ignores whatever stands beside a boolean completed', async () => {
    const { user, path, task } = await makeTask(api, { tasksOf })
    const body = { ...task, title: 'other', status: 'in_progress', completed: true }
    const { json } = await send('PATCH', `${path}/complete`, { as: user, body })
    expect(json).toEqual({ ...task, status: 'completed', completed: true, updated_at: json.updated_at })
  })

  test('a body that is not empty and has no boolean completed does not toggle', async () => {
    const { user, path, task } = await makeTask(api, { tasksOf })
    for (const body of [{ complete: true }, { Completed: true }, { status: 'completed' }, { x: null }])
      expectInvalid(
        await send('PATCH', `${path}/complete`, { as: user, body }),
        `${path}/complete`,
        'completed',
        'is required',
      )
    for (const completed of [null, 'true', 1, [true], {}])
      expectInvalid(
        await send('PATCH', `${path}/complete`, { as: user, body: { completed } }),
        `${path}/complete`,
        'completed',
        'must be true or false',
      )
    expect((await send('GET', path, { as: user })).json).toEqual(task)
  })

  test('toggles at the same moment are each applied', async () => {
    for (const [count, completed] of [
      [100, false],
      [51, true],
    ] as const) {
      const { user, path } = await makeTask(api, { tasksOf })
      const answers = await Promise.all(
        Array.from({ length: count }, () => send('PATCH', `${path}/complete`, { as: user })),
      )
      expect(answers.map(({ status }) => status)).toEqual(Array(count).fill(200))
      expect(answers.filter(({ json }) => json.completed)).toHaveLength(Math.ceil(count / 2))
      expect(new Set(answers.map(({ json }) => json.updated_at)).size).toBe(count)
      expect((await send('GET', path, { as: user })).json.completed).toBe(completed)
    }
  })

  test('answers 404 for a task that is not there', async () => {
    const { user, task } = await makeTask(api, { tasksOf })
    const path = `${tasksOf(user)}/${task.id + 1_000_000}/complete`
    expectProblem(await send('PATCH', path, { as: user }), notFound(path))
    expectProblem(await send('PATCH', path, { as: user, body: { completed: true } }), notFound(path))
  })
})
