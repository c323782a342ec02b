import { expect, test } from 'bun:test'
import { expectInvalid, expectProblem, notFound } from '../support/problem.ts'
import { describeForms, makeTask } from '../support/task-forms.ts'

describeForms('PUT of a task', (api, tasksOf) => {
  const { send } = api

  test('sets all that is given', async () => {
    const { user, path, task } = await makeTask(api, { tasksOf, description: 'old' })
    const body = { title: ' B ', description: 'new', status: 'in_progress' }
    const answer = await send('PUT', path, { as: user, body })
    expect(answer.status).toBe(200)
    expect(answer.json).toEqual({
      ...task,
      title: 'B',
      description: 'new',
      status: 'in_progress',
      updated_at: answer.json.updated_at,
    })
    expect(answer.json.updated_at > task.updated_at).toBe(true)
    expect((await send('GET', path, { as: user })).json).toEqual(answer.json)
  })

  test('leaves an optional field that is absent as it is', async () => {
    const { user, path, task } = await makeTask(api, { tasksOf, description: 'kept', status: 'completed' })
    const { json } = await send('PUT', path, { as: user, body: { title: 'B' } })
    expect(json).toEqual({ ...task, title: 'B', updated_at: json.updated_at })
  })

  test('clears the description with null', async () => {
    const { user, path, task } = await makeTask(api, { tasksOf, description: 'gone' })
    const { json } = await send('PUT', path, { as: user, body: { title: task.title, description: null } })
    expect(json).toEqual({ ...task, description: null, updated_at: json.updated_at })
  })

  test('requires a title', async () => {
    const { user, path, task } = await makeTask(api, { tasksOf })
    for (const body of [{}, { description: 'x' }, { completed: true }])
      expectInvalid(await send('PUT', path, { as: user, body }), path, 'title', 'is required')
    expect((await send('GET', path, { as: user })).json).toEqual(task)
  })

  test('makes no task where there is none', async () => {
    const { user, task } = await makeTask(api, { tasksOf })
    const path = `${tasksOf(user)}/${task.id + 1_000_000}`
    expectProblem(await send('PUT', path, { as: user, body: { title: 'A' } }), notFound(path))
    expect((await send('GET', tasksOf(user), { as: user })).json).toEqual([task])
  })
})
