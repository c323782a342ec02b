import { expect, test } from 'bun:test'
import { describeApi } from '../support/api.ts'
import { expectInvalid } from '../support/problem.ts'
import { makeTask } from '../support/task-forms.ts'

const STATUSES = ['pending', 'in_progress', 'completed'] as const

describeApi('status and completed', (api) => {
  const { send } = api
  const BOTH = ['PUT', 'PATCH']

  test('completed always equals status == "completed"', async () => {
    for (const status of STATUSES) {
      const { user, path, task } = await makeTask(api, { status })
      expect(task).toMatchObject({ status, completed: status === 'completed' })
      for (const method of BOTH)
        for (const next of STATUSES) {
          const { json } = await send(method, path, { as: user, body: { title: 'A', status: next } })
          expect(json).toMatchObject({ status: next, completed: next === 'completed' })
        }
      const [listed] = (await send('GET', '/api/tasks', { as: user })).json
      expect(listed).toMatchObject({ status: 'completed', completed: true })
    }
  })

  test('completed: true stands for the status "completed"', async () => {
    expect((await makeTask(api, { completed: true })).task.status).toBe('completed')
    for (const method of BOTH)
      for (const status of STATUSES) {
        const { user, path } = await makeTask(api, { status })
        const { json } = await send(method, path, { as: user, body: { title: 'A', completed: true } })
        expect(json).toMatchObject({ status: 'completed', completed: true })
      }
  })

  test('completed: false takes a completed task back to "pending" and leaves any other status', async () => {
    expect((await makeTask(api, { completed: false })).task.status).toBe('pending')
    for (const method of BOTH)
      for (const [before, after] of [
        ['pending', 'pending'],
        ['in_progress', 'in_progress'],
        ['completed', 'pending'],
      ]) {
        const { user, path } = await makeTask(api, { status: before })
        const { json } = await send(method, path, { as: user, body: { title: 'A', completed: false } })
        expect(json).toMatchObject({ status: after, completed: false })
      }
  })

  test('both at once are taken when they agree, and refused when they do not', async () => {
    const { user, path } = await makeTask(api)
    for (const status of STATUSES)
      for (const completed of [true, false]) {
        const body = { title: 'A', status, completed }
        const agree = completed === (status === 'completed')
        for (const [method, at] of [
          ['POST', '/api/tasks'],
          ['PUT', path],
          ['PATCH', path],
        ] as const) {
          const answer = await send(method, at, { as: user, body })
          if (agree) expect(answer.json).toMatchObject({ status, completed })
          else expectInvalid(answer, at, 'completed', 'must agree with status')
        }
      }
  })
})
