import { expect, test } from 'bun:test'
import { expectProblem, notFound } from '../support/problem.ts'
import { describeForms, makeTask } from '../support/task-forms.ts'

describeForms('DELETE of a task', (api, tasksOf) => {
  const { send } = api

  test('answers 204 with nothing, and the task is gone', async () => {
    const { user, path } = await makeTask(api, { tasksOf })
    const other = await makeTask(api, { tasksOf, user })
    const answer = await send('DELETE', path, { as: user })
    expect(answer.status).toBe(204)
    expect(answer.text).toBe('')
    expect(answer.headers.get('content-type')).toBeNull()

    expectProblem(await send('GET', path, { as: user }), notFound(path))
    expectProblem(await send('DELETE', path, { as: user }), notFound(path))
    expect((await send('GET', tasksOf(user), { as: user })).json).toEqual([other.task])
  })

  test('reads no body, so that none can be wrong', async () => {
    for (const body of ['', '{', '{"completed":1}']) {
      const { user, path } = await makeTask(api, { tasksOf })
      const headers = { 'content-type': 'application/json' }
      expect((await send('DELETE', path, { as: user, body, headers })).status).toBe(204)
    }
  })

  test('of the same task at the same moment, one succeeds', async () => {
    const { user, path } = await makeTask(api, { tasksOf })
    const answers = await Promise.all(Array.from({ length: 10 }, () => send('DELETE', path, { as: user })))
    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(9).fill(404)])
  })
})

describeForms(
  'DELETE of a task with DELETE_STATUS=200',
  (api, tasksOf) => {
    test('answers 200 with a message', async () => {
      const { user, path } = await makeTask(api, { tasksOf })
      const answer = await api.send('DELETE', path, { as: user })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('application/json')
      expect(answer.json).toEqual({ message: 'Task deleted' })
      expectProblem(await api.send('GET', path, { as: user }), notFound(path))
      expectProblem(await api.send('DELETE', path, { as: user }), notFound(path))
    })
  },
  { deleteStatus: 200 },
)
