import { expect, test } from 'bun:test'
import { newUserId } from '../support/api.ts'
import { expectInvalid } from '../support/problem.ts'
import { describeForms, makeTask, nextOf } from '../support/task-forms.ts'

describeForms('listing tasks', (api, tasksOf) => {
  const { send } = api
  // biome-ignore lint/suspicious/noExplicitAny: a test asserts the shape that it reads
  const titles = (list: any[]): string[] => list.map(({ title }) => title)

  /** A user with two tasks of each status. */
  const makeSix = async (): Promise<string> => {
    const user = newUserId()
    for (const status of ['pending', 'in_progress', 'completed', 'pending', 'in_progress', 'completed'])
      await makeTask(api, { user, title: status, status })
    return user
  }

  test('gives an array of the user’s tasks, newest first', async () => {
    const user = newUserId()
    expect((await send('GET', tasksOf(user), { as: user })).json).toEqual([])

    const made = []
    for (const title of ['A', 'B', 'C']) made.unshift((await makeTask(api, { tasksOf, user, title })).task)
    await makeTask(api)
    const answer = await send('GET', tasksOf(user), { as: user })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('link')).toBeNull()
    expect(answer.json).toEqual(made)
  })

  test('a change does not move a task', async () => {
    const { user, path } = await makeTask(api, { tasksOf, title: 'first' })
    await makeTask(api, { user, title: 'second' })
    await send('PATCH', path, { as: user, body: { title: 'first, changed' } })
    expect(titles((await send('GET', tasksOf(user), { as: user })).json)).toEqual([
      'second',
      'first, changed',
    ])
  })

  test('filters by status, by completed and by both', async () => {
    const user = await makeSix()
    for (const [query, wanted] of [
      ['', 'completed in_progress pending completed in_progress pending'],
      ['status=all', 'completed in_progress pending completed in_progress pending'],
      ['status=pending', 'pending pending'],
      ['status=in_progress', 'in_progress in_progress'],
      ['status=completed', 'completed completed'],
      ['completed=true', 'completed completed'],
      ['completed=false', 'in_progress pending in_progress pending'],
      ['status=all&completed=true', 'completed completed'],
      ['status=all&completed=false', 'in_progress pending in_progress pending'],
      ['status=pending&completed=false', 'pending pending'],
      ['status=in_progress&completed=false', 'in_progress in_progress'],
      ['status=completed&completed=true', 'completed completed'],
      ['status=pending&completed=true', ''],
      ['status=in_progress&completed=true', ''],
      ['status=completed&completed=false', ''],
      ['st%61tus=p%65nding', 'pending pending'],
    ]) {
      const answer = await send('GET', `${tasksOf(user)}?${query}`, { as: user })
      expect([query, titles(answer.json).join(' ')]).toEqual([query, wanted ?? ''])
    }
  })

  test('limit bounds an answer, and a Link tells that there is more', async () => {
    const user = await makeSix()
    for (const limit of [1, 2, 5]) {
      const answer = await send('GET', `${tasksOf(user)}?limit=${limit}`, { as: user })
      expect(answer.json).toHaveLength(limit)
      expect(nextOf(answer)).toStartWith(`${tasksOf(user)}?limit=${limit}&after=`)
    }
    for (const limit of [6, 7, 999, 1000]) {
      const answer = await send('GET', `${tasksOf(user)}?limit=${limit}`, { as: user })
      expect(answer.json).toHaveLength(6)
      expect(answer.headers.get('link')).toBeNull()
    }
  })

  test('a listed parameter with a value that is not valid is refused', async () => {
    const user = newUserId()
    const path = tasksOf(user)
    for (const [name, message, values] of [
      [
        'status',
        'must be one of all, pending, in_progress, completed',
        ['done', 'ALL', 'pending%20', 'pending,completed', '%00', '%ED%A0%80', '1', 'true'],
      ],
      ['completed', 'must be one of true, false', ['1', 'True', 'yes', 'null', '%00']],
      [
        'limit',
        'must be a whole number from 1 to 1000',
        ['0', '-1', '1001', '1.5', '01', '1e2', '0x1', '%201', '1%20', '+1', 'ten', '99999999999999999999'],
      ],
    ] as const)
      for (const value of values)
        expectInvalid(await send('GET', `${path}?${name}=${value}`, { as: user }), path, name, message)
  })

  test('a listed parameter that is empty counts as absent', async () => {
    const user = await makeSix()
    for (const [query, count] of [
      ['status=', 6],
      ['status', 6],
      ['completed=', 6],
      ['limit=', 6],
      ['after=', 6],
      ['status=&completed=&limit=&after=', 6],
      ['status=&completed=true', 2],
      ['status=pending&completed=&search=', 2],
      ['limit=3&status=&after=', 3],
    ] as const) {
      const answer = await send('GET', `${tasksOf(user)}?${query}`, { as: user })
      expect([query, answer.status, answer.json.length]).toEqual([query, 200, count])
    }
    const first = await send('GET', `${tasksOf(user)}?limit=3&status=&after=`, { as: user })
    const second = await send('GET', nextOf(first) ?? '', { as: user })
    expect(second.json).toHaveLength(3)
    expect(second.headers.get('link')).toBeNull()
  })

  test('a parameter that is not listed is ignored, whatever it is', async () => {
    const user = await makeSix()
    for (const query of [
      'sort=title&page=2&search=x&order=desc',
      'Status=done&LIMIT=1',
      'status[]=done&status.x=1',
      '__proto__=1&constructor=2&toString=3',
      '%00=%00&%FF=%ED%A0%80&%=%&=&&',
      'user_id=somebody-else&userId=x',
    ]) {
      const answer = await send('GET', `${tasksOf(user)}?${query}`, { as: user })
      expect([query, answer.status, answer.json.length]).toEqual([query, 200, 6])
    }
  })

  test('of a parameter given twice the last counts', async () => {
    const user = await makeSix()
    for (const [query, count] of [
      ['limit=1&limit=2', 2],
      ['limit=0&limit=1', 1],
      ['status=all&status=pending', 2],
    ] as const)
      expect((await send('GET', `${tasksOf(user)}?${query}`, { as: user })).json).toHaveLength(count)
    expect((await send('GET', `${tasksOf(user)}?limit=1&limit=0`, { as: user })).status).toBe(400)
  })
})
