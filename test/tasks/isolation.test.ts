import { expect, test } from 'bun:test'
import { type Answer, describeApi, newUserId } from '../support/api.ts'
import { expectProblem, forbidden, notFound } from '../support/problem.ts'
import { describeForms, makeTask, nextOf } from '../support/task-forms.ts'

const ON_A_TASK: [string, string, unknown][] = [
  ['GET', '', undefined],
  ['HEAD', '', undefined],
  ['PUT', '', { title: 'stolen' }],
  ['PATCH', '', { title: 'stolen' }],
  ['PATCH', '/complete', undefined],
  ['PATCH', '/complete', { completed: true }],
  ['DELETE', '', undefined],
]

/** An answer without what differs in every one. */
const anonymous = ({ status, headers, json }: Answer) => ({
  status,
  headers: { ...Object.fromEntries(headers), 'x-request-id': '', 'content-length': '' },
  json: json && { ...json, request_id: '', instance: '' },
})

describeForms('somebody else’s task', (api, tasksOf) => {
  const { send } = api

  test('does not exist: the answer is that for a task that is not there', async () => {
    const { task, etag, user: owner } = await makeTask(api, { title: 'mine' })
    const user = newUserId()
    const theirs = `${tasksOf(user)}/${task.id}`
    const absent = `${tasksOf(user)}/${task.id + 1_000_000}`
    for (const [method, suffix, body] of ON_A_TASK)
      for (const headers of [{}, { 'if-match': etag }, { 'if-match': '"x"' }, { 'if-none-match': etag }]) {
        const options = { as: user, body, headers: headers as Record<string, string> }
        const answer = await send(method, `${theirs}${suffix}`, options)
        if (method !== 'HEAD') expectProblem(answer, notFound(`${theirs}${suffix}`))
        expect(anonymous(answer)).toEqual(anonymous(await send(method, `${absent}${suffix}`, options)))
      }
    expect((await send('GET', `/api/tasks/${task.id}`, { as: owner })).json).toEqual(task)
  })

  test('is in no list of mine, whatever the query', async () => {
    const other = newUserId()
    const first = await makeTask(api, { user: other, status: 'completed' })
    await makeTask(api, { user: other })
    const user = newUserId()
    const done = await makeTask(api, { user, tasksOf, status: 'completed' })
    const open = await makeTask(api, { user, tasksOf })
    const both = [open.task, done.task]
    const cursor = nextOf(await send('GET', '/api/tasks?limit=1', { as: other })) ?? ''
    // The other's cursor, whose place is before all of mine.
    await send('DELETE', first.path, { as: other })
    for (const [query, tasks] of [
      ['', both],
      ['?status=completed', [done.task]],
      ['?completed=false', [open.task]],
      [`?user_id=${other}`, both],
      [`?user_id[]=${other}&userId=${other}`, both],
      [cursor.slice(cursor.indexOf('?')), []],
    ] as const) {
      const answer = await send('GET', `${tasksOf(user)}${query}`, { as: user })
      expect([query, answer.status, answer.json]).toEqual([query, 200, [...tasks]])
    }
    expect(first.task.user_id).toBe(other)
  })

  test('cannot be made by naming its owner in the body', async () => {
    const [user, other] = [newUserId(), newUserId()]
    const { task, path } = await makeTask(api, { user, tasksOf, user_id: other })
    expect(task.user_id).toBe(user)
    for (const method of ['PUT', 'PATCH']) {
      const { json } = await send(method, path, { as: user, body: { title: 'B', user_id: other } })
      expect(json.user_id).toBe(user)
    }
    expect((await send('GET', '/api/tasks', { as: other })).json).toEqual([])
  })
})

describeApi('somebody else’s id in the path', (api) => {
  const { send } = api

  test('is 403 for every operation, whether that user or the task exists or not', async () => {
    const { user: owner, task } = await makeTask(api)
    const user = newUserId()
    for (const other of [
      owner,
      newUserId(),
      user.toUpperCase(),
      `${user}%20`,
      `%20${user}`,
      `${user}%00`,
      '%FF',
      '%',
      '0',
    ])
      for (const id of [task.id, task.id + 1_000_000]) {
        for (const [method, suffix, body] of ON_A_TASK) {
          const path = `/api/${other}/tasks/${id}${suffix}`
          const answer = await send(method, path, { as: user, body })
          if (method !== 'HEAD') expectProblem(answer, forbidden(path))
          expect(answer.status).toBe(403)
        }
        for (const method of ['GET', 'POST']) {
          const body = method === 'POST' ? { title: 'A' } : undefined
          const path = `/api/${other}/tasks`
          expectProblem(await send(method, path, { as: user, body }), forbidden(path))
        }
      }
    expect((await send('GET', '/api/tasks', { as: owner })).json).toEqual([task])
  })

  test('is 403 whatever else is wrong with the request', async () => {
    const other = newUserId()
    const user = newUserId()
    const type = { 'content-type': 'application/json' }
    for (const [method, path, options] of [
      ['GET', `/api/${other}/tasks/abc`, {}],
      ['GET', `/api/${other}/tasks/1/no/such/route`, {}],
      ['GET', `/api/${other}/tasks?limit=0&status=x&after=x`, {}],
      ['DELETE', `/api/${other}/tasks`, {}],
      ['POST', `/api/${other}/tasks/1`, {}],
      ['OPTIONS', `/api/${other}/tasks`, {}],
      ['PUT', `/api/${other}/tasks/1/complete`, {}],
      ['POST', `/api/${other}/tasks`, { body: '{', headers: type }],
      ['POST', `/api/${other}/tasks`, { body: 'x', headers: { 'content-type': 'text/plain' } }],
      ['POST', `/api/${other}/tasks`, { body: 'x'.repeat(70_000), headers: type }],
      ['POST', `/api/${other}/tasks`, { body: { title: '' } }],
      ['POST', `/api/${other}/tasks`, { body: { title: 'A' }, headers: { 'idempotency-key': 'a b' } }],
      ['PATCH', `/api/${other}/tasks/1`, { body: {}, headers: { 'if-match': '"' } }],
      ['GET', `/api/${other}/tasks/1`, { headers: { 'if-none-match': '"' } }],
    ] as [string, string, object][]) {
      const answer = await send(method, path, { as: user, ...options })
      expectProblem(answer, forbidden(path.split('?', 1)[0] ?? ''))
    }
  })
})

describeApi('a user id in the path', (api) => {
  const { send } = api

  test('is percent-decoded, once, before it is compared', async () => {
    for (const name of [
      'ann+tasks@example.com',
      'a/b',
      'a%41',
      'a%2Fb',
      'é€💾',
      'a b',
      '?',
      '#',
      '..',
      'a..b',
      "'--",
      'tasks/1',
      'a;b',
      'a&b=c',
      '%',
      '%ZZ',
      '+',
    ]) {
      const user = name === '..' ? 'x/..' : `${name}${crypto.randomUUID()}`
      const path = `/api/${encodeURIComponent(user)}/tasks`
      const made = await send('POST', path, { as: user, body: { title: 'A' } })
      expect([user, made.status]).toEqual([user, 201])
      expect(made.json.user_id).toBe(user)
      const location = made.headers.get('location') ?? ''
      expect(location).toBe(`${path}/${made.json.id}`)
      expect((await send('GET', location, { as: user })).json).toEqual(made.json)
      await send('DELETE', location, { as: user })
    }
  })

  test('may be encoded where it need not be', async () => {
    const user = newUserId()
    const encoded = [...user].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('')
    const { task } = await makeTask(api, { user })
    for (const form of [encoded, encoded.toUpperCase()])
      expect((await send('GET', `/api/${form}/tasks`, { as: user })).json).toEqual([task])
    expect((await send('GET', `/api/${encodeURIComponent(encoded)}/tasks`, { as: user })).status).toBe(403)
  })

  test('is never "tasks" or "auth": those paths mean the short forms', async () => {
    for (const user of ['tasks', 'auth']) {
      const { task } = await makeTask(api, { user })
      const path = `/api/tasks/${task.id}`
      expect((await send('GET', path, { as: user })).json).toEqual(task)
      for (const [method, at] of [
        ['GET', `/api/${user}/tasks/${task.id}`],
        ['GET', `/api/${user}/tasks/${task.id}/complete`],
        ['PATCH', `/api/${user}/tasks/${task.id}/complete`],
      ] as const)
        expectProblem(await send(method, at, { as: user }), notFound(at))
      await send('DELETE', path, { as: user })
    }
    expect((await send('GET', '/api/tasks/tasks', { as: 'tasks' })).json.detail).toBe(
      'task_id must be a whole number from 1 to 9007199254740991',
    )
    expect((await send('PATCH', '/api/tasks/tasks', { as: 'tasks', body: { title: 'A' } })).status).toBe(400)
    expect((await send('PATCH', '/api/tasks/tasks/complete', { as: 'tasks' })).status).toBe(400)
    expect((await send('POST', '/api/tasks/tasks', { as: 'tasks', body: { title: 'A' } })).status).toBe(405)
    for (const method of ['GET', 'POST'])
      expectProblem(await send(method, '/api/auth/tasks', { as: 'auth' }), notFound('/api/auth/tasks'))
  })
})
