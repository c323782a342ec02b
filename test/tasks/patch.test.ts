import { expect, test } from 'bun:test'
import { expectProblem, notFound } from '../support/problem.ts'
import { describeForms, makeTask } from '../support/task-forms.ts'

describeForms('PATCH of a task', (api, tasksOf) => {
  const { send } = api

  test('changes what is given and nothing else', async () => {
    const { user, path, task } = await makeTask(api, { tasksOf, description: 'd', status: 'in_progress' })
    let before = task
    for (const [fields, stored] of [
      [{ title: ' B ' }, { title: 'B' }],
      [{ description: 'e' }, { description: 'e' }],
      [{ description: null }, { description: null }],
      [{ status: 'completed' }, { status: 'completed', completed: true }],
      [{ completed: false }, { status: 'pending', completed: false }],
      [
        { title: 'C', description: '' },
        { title: 'C', description: '' },
      ],
    ]) {
      const answer = await send('PATCH', path, { as: user, body: fields })
      expect(answer.status).toBe(200)
      expect(answer.json).toEqual({ ...before, ...stored, updated_at: answer.json.updated_at })
      expect(answer.json.updated_at > before.updated_at).toBe(true)
      expect((await send('GET', path, { as: user })).json).toEqual(answer.json)
      before = answer.json
    }
  })

  test('answers 404 for a task that is not there', async () => {
    const { user, task } = await makeTask(api, { tasksOf })
    const path = `${tasksOf(user)}/${task.id + 1_000_000}`
    expectProblem(await send('PATCH', path, { as: user, body: { title: 'A' } }), notFound(path))
  })
})
