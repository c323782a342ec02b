import { expect, test } from 'bun:test'
import { newUserId } from '../support/api.ts'
import { expectInvalid } from '../support/problem.ts'
import { describeForms, makeTask, nextOf } from '../support/task-forms.ts'

describeForms('paging through tasks', (api, tasksOf) => {
  const { send, engine } = api

  const makeTasks = async (user: string, count: number, status = 'pending'): Promise<number[]> => {
    const ids: number[] = []
    for (let made = 0; made < count; made++) ids.unshift((await makeTask(api, { user, status })).task.id)
    return ids
  }

  /** Follows `next` from `start` to the end; `between` is called after each page. */
  const follow = async (user: string, start: string, between: () => Promise<unknown> = async () => {}) => {
    const ids: number[] = []
    for (let next: string | null = start; next !== null; ) {
      const answer = await send('GET', next, { as: user })
      expect(answer.status).toBe(200)
      // biome-ignore lint/suspicious/noExplicitAny: a test asserts the shape that it reads
      ids.push(...answer.json.map(({ id }: any) => id))
      next = nextOf(answer)
      await between()
    }
    return ids
  }

  test('following next visits each task exactly once, newest first', async () => {
    const user = newUserId()
    const ids = await makeTasks(user, 7)
    await makeTasks(newUserId(), 2)
    for (const limit of [1, 2, 3, 6, 7, 8])
      expect(await follow(user, `${tasksOf(user)}?limit=${limit}`)).toEqual(ids)
  })

  test('a page has 1,000 tasks where nothing else is asked for', async () => {
    const user = newUserId()
    await makeTask(api, { user })
    await engine.database.run(
      (sql) => sql`insert into tasks (user_id, title) select ${user}, 'x' from generate_series(1, 1000)`,
    )
    const first = await send('GET', tasksOf(user), { as: user })
    expect(first.json).toHaveLength(1000)
    expect((await send('GET', nextOf(first) ?? '', { as: user })).json).toHaveLength(1)
  })

  test('also with a filter, and also for tasks made at the very same moment', async () => {
    const user = newUserId()
    const ids: Record<string, number[]> = {}
    for (const status of ['pending', 'in_progress', 'completed'])
      ids[status] = await makeTasks(user, 3, status)
    const { run } = engine.database
    await run(
      (sql) => sql`update tasks set created_at = '2026-02-01T09:30:00.123456Z' where user_id = ${user}`,
    )
    const { pending = [], in_progress = [], completed = [] } = ids
    for (const [query, wanted] of [
      ['', [...completed, ...in_progress, ...pending]],
      ['status=pending&', pending],
      ['completed=true&', completed],
      ['completed=false&', [...in_progress, ...pending]],
      ['status=in_progress&completed=false&', in_progress],
    ] as const)
      for (const limit of [1, 2, 4])
        expect(await follow(user, `${tasksOf(user)}?${query}limit=${limit}`)).toEqual([...wanted])
  })

  test('each task that existed throughout is visited once while others come, go and change', async () => {
    const user = newUserId()
    const lasting = await makeTasks(user, 6)
    const doomed = await makeTasks(user, 3)
    const alsoLasting = await makeTasks(user, 6)
    const throughout = [...alsoLasting, ...lasting]
    const visited = await follow(user, `${tasksOf(user)}?limit=2`, async () => {
      await makeTasks(user, 2)
      const gone = doomed.pop()
      if (gone) await send('DELETE', `/api/tasks/${gone}`, { as: user })
      await send('PATCH', `/api/tasks/${throughout[3]}/complete`, { as: user })
    })
    expect(visited.filter((id) => throughout.includes(id))).toEqual(throughout)
    expect(new Set(visited).size).toBe(visited.length)
  })

  test('goes on behind a task that was deleted after its page', async () => {
    const user = newUserId()
    const ids = await makeTasks(user, 4)
    const first = await send('GET', `${tasksOf(user)}?limit=2`, { as: user })
    await send('DELETE', `/api/tasks/${ids[1]}`, { as: user })
    expect(await follow(user, nextOf(first) ?? '')).toEqual(ids.slice(2))
  })

  test('next is an absolute path that keeps the other parameters', async () => {
    const user = newUserId()
    const ids = await makeTasks(user, 4)
    const query = 'search=a%26b%3Dc+d&status=pending&tag=1&tag=2&limit=1&sort=%C3%A9&q=what?&x=1'
    for (const start of [`${tasksOf(user)}?${query}`, `${tasksOf(user)}/?${query}`]) {
      const next = nextOf(await send('GET', start, { as: user })) ?? ''
      expect(next).toStartWith(`${tasksOf(user)}?`)
      const kept = [...new URL(`http://localhost${next}`).searchParams]
      expect(kept.filter(([name]) => name !== 'after')).toEqual([
        ['search', 'a&b=c d'],
        ['status', 'pending'],
        ['tag', '1'],
        ['tag', '2'],
        ['limit', '1'],
        ['sort', 'é'],
        ['q', 'what?'],
        ['x', '1'],
      ])
      expect(kept.filter(([name]) => name === 'after')).toHaveLength(1)
      expect(await follow(user, start)).toEqual(ids)
    }
  })

  test('a parameter cannot break out of the Link', async () => {
    const user = newUserId()
    await makeTasks(user, 2)
    const answer = await send('GET', `${tasksOf(user)}?limit=1&x=%3E%3B%20rel%3D%22prev%22,%0D%0A<>;"y`, {
      as: user,
    })
    expect(answer.headers.get('link')).toMatch(/^<\/api\/[!#-;=?-~]*>; rel="next"$/)
  })

  test('a cursor that was not made here is refused', async () => {
    const user = newUserId()
    await makeTasks(user, 2)
    const good = new URL(
      `http://localhost${nextOf(await send('GET', `${tasksOf(user)}?limit=1`, { as: user }))}`,
    ).searchParams.get('after')
    const forge = (text: string) => Buffer.from(text).toString('base64url')
    for (const after of [
      'x',
      '1',
      '%00',
      '%ED%A0%80',
      `${good}AAAA`,
      `${good}=`,
      `${good}!`,
      `+${good}`,
      `A${good}`,
      good?.toLowerCase(),
      forge('2026-02-01T09:30:00.123456Z'),
      forge('2026-02-01T09:30:00.123456Z/'),
      forge('2026-02-01T09:30:00.123456Z/0'),
      forge('2026-02-01T09:30:00.123456Z/-1'),
      forge('2026-02-01T09:30:00.123456Z/9999999999999999'),
      forge('2026-02-01T09:30:00.123456Z/99999999999999999999'),
      forge('2026-13-01T09:30:00.123456Z/1'),
      forge('2026-02-01T24:30:00.123456Z/1'),
      forge("2026-02-01T09:30:00.123456Z/1' or 1=1"),
      forge('infinity/1'),
    ])
      for (const query of [
        `after=${after}`,
        `after=${after}&status=pending`,
        `after=${after}&status=pending&completed=true`,
      ])
        expectInvalid(
          await send('GET', `${tasksOf(user)}?${query}`, { as: user }),
          tasksOf(user),
          'after',
          'is not a cursor',
        )
  })

  test('a cursor with a time that never was is refused', async () => {
    const user = newUserId()
    for (const time of ['2026-02-30T09:30:00.123456Z', '0000-02-01T09:30:00.123456Z']) {
      const after = Buffer.from(`${time}/1`).toString('base64url')
      const { status, json } = await send('GET', `${tasksOf(user)}?after=${after}`, { as: user })
      expect([status, json.code]).toEqual([400, 'invalid_request'])
    }
  })

  test('a cursor is only a place: somebody else’s shows nothing of theirs', async () => {
    const [user, other] = [newUserId(), newUserId()]
    const ids = await makeTasks(user, 3)
    await makeTasks(other, 3)
    const theirs = nextOf(await send('GET', `/api/tasks?limit=1`, { as: other })) ?? ''
    const query = theirs.slice(theirs.indexOf('?'))
    expect(await follow(user, `${tasksOf(user)}${query}`)).toEqual(ids)
  })
})
