import { expect, test } from 'bun:test'
import { expectProblem, notFound } from '../support/problem.ts'
import { describeForms, makeTask } from '../support/task-forms.ts'

describeForms('reading a task', (api, tasksOf) => {
  const { send } = api

  test('gives the task as it was last stored', async () => {
    const { user, path, task } = await makeTask(api, { tasksOf, description: 'd' })
    const answer = await send('GET', path, { as: user })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.json).toEqual(task)

    const changed = await send('PATCH', path, { as: user, body: { title: 'B' } })
    expect((await send('GET', path, { as: user })).json).toEqual(changed.json)
  })

  test('answers 404 for a task that is not there', async () => {
    const { user, task } = await makeTask(api, { tasksOf })
    for (const id of [task.id + 1_000_000, Number.MAX_SAFE_INTEGER]) {
      const path = `${tasksOf(user)}/${id}`
      expectProblem(await send('GET', path, { as: user }), notFound(path))
    }
  })
})
