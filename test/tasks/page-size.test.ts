import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createPageWeights, PAGE_BYTES, pageLength } from '../../src/tasks/page.ts'
import type { TaskReply } from '../../src/tasks/schema.ts'
import { type Api, apiOn, describeApi, newUserId, tokenFor } from '../support/api.ts'
import { describeForms, makeTask, nextOf } from '../support/task-forms.ts'

const EMOJI = '😀'.repeat(10_000)
/** One byte each in the database, six in JSON. */
const CONTROLS = '\u0001'.repeat(10_000)

const makeTasks = async (api: Api, user: string, descriptions: (string | null)[]) => {
  const statuses = ['pending', 'in_progress', 'completed']
  for (const [index, description] of descriptions.entries())
    await makeTask(api, { user, description, status: statuses[index % 3] })
}

describeForms('a page', (api, tasksOf) => {
  const { send, engine } = api

  /** All pages from a query on; each must end with the task with which it passes 1 MiB, but for limit and end. */
  const follow = async (user: string, query: string, limit: number) => {
    const ids: number[] = []
    let pages = 0
    for (let next: string | null = `${tasksOf(user)}?${query}`; next; pages++) {
      const answer = await send('GET', next, { as: user })
      expect(answer.status).toBe(200)
      next = nextOf(answer)
      expect(Buffer.byteLength(JSON.stringify(answer.json.slice(0, -1)))).toBeLessThanOrEqual(PAGE_BYTES)
      const isFull = Buffer.byteLength(answer.text) > PAGE_BYTES || answer.json.length === limit
      if (next) expect(isFull).toBe(true)
      ids.push(...answer.json.map(({ id }: { id: number }) => id))
    }
    return { ids, pages }
  }

  test('ends with the task with which its JSON passes 1 MiB, and next goes on from there', async () => {
    const user = newUserId()
    await makeTasks(api, user, [...Array(30).fill(EMOJI), ...Array(30).fill(CONTROLS), null])
    for (const [query, count] of [
      ['', 61],
      ['completed=false', 41],
      ['status=completed', 20],
    ] as const) {
      const all = new Set<string>()
      for (const [limit, pages] of [
        [1000, count > 30 ? (count > 50 ? 3 : 2) : 1],
        [33, undefined],
        [32, undefined],
        [20, undefined],
        [1, count],
      ] as const) {
        const { ids, ...found } = await follow(user, `${query}&limit=${limit}`, limit)
        expect(ids).toHaveLength(count)
        expect(ids).toEqual(ids.toSorted((one, other) => other - one))
        if (pages) expect([query, limit, found.pages]).toEqual([query, limit, pages])
        all.add(ids.join())
      }
      expect(all.size).toBe(1)
    }
  })

  test('takes no more out of the database than one task beyond its end', async () => {
    const user = newUserId()
    await makeTasks(api, user, Array(40).fill(EMOJI))
    let rows = 0
    const { database } = engine
    const run: typeof database.run = async (...statement) => {
      const found = await database.run(...statement)
      rows = found.length
      return found
    }
    const watched = apiOn({ ...engine, database: { ...database, run } })
    const { json } = await watched.send('GET', tasksOf(user), { as: user })
    expect(json.length).toBeLessThan(30)
    expect(rows).toBe(json.length + 1)
  })
})

describeApi('large pages that a client does not read', (api) => {
  const { app, send } = api

  test('are only so many of one user, who is told 503; others are not, and smaller answers go on', async () => {
    const [greedy, modest] = [newUserId(), newUserId()]
    for (const user of [greedy, modest]) await makeTasks(api, user, Array(30).fill(EMOJI))
    const headers = { authorization: `Bearer ${tokenFor(greedy)}` }
    const ask = () => app.handle(new Request('http://localhost/api/tasks', { headers }))
    const unread: Response[] = []
    for (let count = 0; count < 16; count++) unread.push(await ask())
    expect(unread.map(({ status }) => status)).toEqual(Array(16).fill(200))
    const refused = await send('GET', '/api/tasks', { as: greedy })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect((await send('GET', '/api/tasks', { as: modest })).status).toBe(200)
    expect((await send('POST', '/api/tasks', { as: greedy, body: { title: 'A' } })).status).toBe(201)

    for (const answer of unread.slice(1)) await answer.body?.cancel()
    expect(await unread[0]?.json()).toHaveLength(27)
    expect((await send('GET', '/api/tasks', { as: greedy })).status).toBe(200)
  })

  test('are not counted for HEAD, which has no body', async () => {
    const user = newUserId()
    await makeTasks(api, user, Array(30).fill(EMOJI))
    for (let count = 0; count < 20; count++)
      expect((await send('HEAD', '/api/tasks', { as: user })).status).toBe(200)
  })

  test('are bounded also when all are asked for at once', async () => {
    const greedy = newUserId()
    await makeTasks(api, greedy, Array(30).fill(EMOJI))
    const headers = { authorization: `Bearer ${tokenFor(greedy)}` }
    const ask = () => app.handle(new Request('http://localhost/api/tasks', { headers }))
    const answers = await Promise.all(Array.from({ length: 60 }, ask))
    const taken = answers.filter(({ status }) => status === 200)
    expect(taken.length).toBeGreaterThanOrEqual(16)
    expect(taken.length).toBeLessThan(40)
    expect(answers.filter(({ status }) => status === 503)).toHaveLength(60 - taken.length)
    for (const answer of answers) await answer.body?.cancel()
  })
})

describe('the length of a page', () => {
  const task = (title: string, description: string | null, userId = 'ann'): TaskReply => ({
    id: 1,
    user_id: userId,
    title,
    description,
    status: 'in_progress',
    completed: false,
    created_at: '2026-02-01T09:30:00.123456Z',
    updated_at: '2026-02-01T09:30:00.123456Z',
  })
  const bytesOf = (tasks: TaskReply[]) => Buffer.byteLength(JSON.stringify(tasks))

  test('is that of the shortest beginning whose JSON passes 1 MiB, or the limit', () => {
    const text = fc.constantFrom('a', 'é', '€', '😀', '"', '\\', '\u0001', '\u2028')
    const some = fc.tuple(text, fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 1, max: 40 }))
    fc.assert(
      fc.property(fc.array(some, { maxLength: 8 }), fc.integer({ min: 1, max: 100 }), (groups, limit) => {
        const tasks = groups.flatMap(([letter, length, count]) =>
          Array.from({ length: count }, () =>
            task(letter.repeat(200), letter.repeat(length), letter.repeat(200)),
          ),
        )
        const length = pageLength(tasks, limit)
        if (length > 0) expect(bytesOf(tasks.slice(0, length - 1))).toBeLessThanOrEqual(PAGE_BYTES)
        if (length < Math.min(limit, tasks.length))
          expect(bytesOf(tasks.slice(0, length))).toBeGreaterThan(PAGE_BYTES)
        expect(length).toBeLessThanOrEqual(Math.min(limit, tasks.length))
      }),
      { numRuns: 60 },
    )
  })

  test('is exact to the byte', () => {
    const first = task('a', 'x'.repeat(10_000))
    const tasks = [...Array(100).fill(first), task('a', ''), task('a', null)]
    const rest = PAGE_BYTES - bytesOf(tasks.slice(0, 101))
    tasks[100] = task('a', 'x'.repeat(rest))
    expect(bytesOf(tasks.slice(0, 101))).toBe(PAGE_BYTES)
    expect(pageLength(tasks, 1000)).toBe(102)
    tasks[100] = task('a', 'x'.repeat(rest + 1))
    expect(pageLength(tasks, 1000)).toBe(101)
  })

  test('weighs more until a page of its user was read, and after a large one', () => {
    let now = 1_000_000
    const weights = createPageWeights(() => now)
    const large = Array(30).fill(task('a', EMOJI))
    weights.note('ann', large)
    weights.note('ann', [])
    weights.note('ben', large.slice(0, 1))
    const weightsNow = () => ['ann', 'ben', 'eve'].map(weights.of)
    expect(weightsNow()).toEqual([1000, 1, 10])
    now += 10_000
    expect(weightsNow()).toEqual([10, 1, 10])
    weights.note('ann', [])
    weights.note('ben', large)
    expect(weightsNow()).toEqual([10, 1000, 10])
  })
})
