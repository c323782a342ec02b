import { expect, test } from 'bun:test'
import { describeApi } from '../support/api.ts'
import { expectInvalid, expectProblem, notFound } from '../support/problem.ts'
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

  test('both at once are taken when they agree, and refused by POST when they do not', async () => {
    const { user, path } = await makeTask(api)
    for (const status of STATUSES)
      for (const completed of [true, false]) {
        const body = { title: 'A', status, completed }
        const agree = completed === (status === 'completed')
        const made = await send('POST', '/api/tasks', { as: user, body })
        if (!agree) expectInvalid(made, '/api/tasks', 'completed', 'must agree with status')
        for (const method of agree ? ['PUT', 'PATCH'] : [])
          expect((await send(method, path, { as: user, body })).json).toMatchObject({ status, completed })
      }
  })

  /** Tasks as they were read, with one of the two changed: which is meant, or neither. */
  const CHANGED: [before: string, sent: { status: string; completed: boolean }, after: string | undefined][] =
    [
      ['pending', { status: 'pending', completed: true }, 'completed'],
      ['in_progress', { status: 'in_progress', completed: true }, 'completed'],
      ['completed', { status: 'completed', completed: false }, 'pending'],
      ['completed', { status: 'pending', completed: true }, 'pending'],
      ['completed', { status: 'in_progress', completed: true }, 'in_progress'],
      ['pending', { status: 'completed', completed: false }, 'completed'],
      ['in_progress', { status: 'completed', completed: false }, 'completed'],
      ['pending', { status: 'in_progress', completed: true }, undefined],
      ['in_progress', { status: 'pending', completed: true }, undefined],
    ]

  /** The time of a version as clients write it who have read it. */
  const spellings = (time: string): string[] => {
    const shifted = new Date(Date.parse(time) + 5.5 * 3600_000).toISOString().slice(0, 19)
    return [
      time,
      new Date(time).toISOString(),
      `${time.slice(0, 19)}Z`,
      `${time.slice(0, -1)}+00:00`,
      `${time.slice(0, -1)}000Z`,
      `${shifted}${time.slice(19, -1)}+05:30`,
      `${time.slice(0, 22)}Z`,
      time.slice(0, -1),
    ]
  }

  for (const method of ['PUT', 'PATCH']) {
    test(`${method} of a task as it was read takes the one of the two that is changed`, async () => {
      for (const [before, sent, after] of CHANGED) {
        const { user, path, task } = await makeTask(api, { status: before })
        for (const updated_at of [undefined, ...spellings(task.updated_at)]) {
          const { path: at, task: other } = await makeTask(api, { user, status: before })
          const time =
            updated_at && spellings(other.updated_at)[spellings(task.updated_at).indexOf(updated_at)]
          const answer = await send(method, at, { as: user, body: { ...other, ...sent, updated_at: time } })
          if (after === undefined) expectInvalid(answer, at, 'completed', 'must agree with status')
          else expect([before, sent, time, answer.json.status]).toEqual([before, sent, time, after])
        }
        expect((await send('GET', path, { as: user })).json).toEqual(task)
      }
    })

    test(`${method} with another updated_at than the stored one takes completed`, async () => {
      for (const before of STATUSES)
        for (const [status, completed] of [
          ['completed', false],
          ['pending', true],
          ['in_progress', true],
        ] as const)
          for (const wrong of [
            '2026-02-01T09:30:00.123Z',
            '0000-01-01T00:00:00Z',
            '9999-12-31T23:59:59.9Z',
            'x',
            '',
            null,
            7,
          ]) {
            const { user, path, task } = await makeTask(api, { status: before })
            const body = { ...task, status, completed, updated_at: wrong }
            const { json } = await send(method, path, { as: user, body })
            const after = completed ? 'completed' : before === 'completed' ? 'pending' : before
            expect([before, body, json.status]).toEqual([before, body, after])
          }
    })

    test(`${method} sent twice does not take itself back`, async () => {
      for (const [before, sent, after] of CHANGED.filter(
        ([, { completed }, after]) => completed === (after === 'completed'),
      )) {
        const { user, path, task } = await makeTask(api, { status: before })
        for (let times = 0; times < 3; times++) {
          const { json } = await send(method, path, { as: user, body: { ...task, ...sent } })
          expect([before, sent, json.status]).toEqual([before, sent, after ?? ''])
        }
      }
    })

    test(`${method} that is not clear is 404 without the task, and 412 on another version`, async () => {
      const { user, path, task, etag } = await makeTask(api)
      const body = { ...task, status: 'in_progress', completed: true }
      expectProblem(await send(method, `${path}0000`, { as: user, body }), notFound(`${path}0000`))
      for (const headers of [{ 'if-match': '"x"' }, { 'if-none-match': etag }, { 'if-none-match': '*' }])
        expect((await send(method, path, { as: user, body, headers })).status).toBe(412)
      for (const headers of [{ 'if-match': etag }, { 'if-match': '*' }, { 'if-none-match': '"x"' }])
        expect((await send(method, path, { as: user, body, headers })).status).toBe(400)
      expect((await send('GET', path, { as: user })).json).toEqual(task)
    })
  }
})
