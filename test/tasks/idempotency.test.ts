import { expect, test } from 'bun:test'
import { newUserId } from '../support/api.ts'
import { expectProblem } from '../support/problem.ts'
import { describeForms, makeTask } from '../support/task-forms.ts'
import { until } from '../support/until.ts'

const newKey = (): string => `key-${crypto.randomUUID()}`

describeForms('Idempotency-Key', (api, tasksOf) => {
  const { send, engine } = api
  const { run } = engine.database

  const post = (user: string, key: string, body: unknown) =>
    send('POST', tasksOf(user), { as: user, body, headers: { 'idempotency-key': key } })

  const countTasks = async (user: string): Promise<number> =>
    (await send('GET', '/api/tasks', { as: user })).json.length

  const countKeys = async (user: string, key: string): Promise<number> => {
    const [row] = await run(
      (sql) =>
        sql<
          { count: number }[]
        >`select count(*)::int as count from idempotency_keys where user_id = ${user} and key = ${key}`,
    )
    return row?.count ?? 0
  }

  const reused = (instance: string) => ({
    status: 409,
    code: 'idempotency_key_reused',
    detail: 'This Idempotency-Key was used with another body',
    instance,
  })

  const agedBy = (user: string, key: string, age: string) =>
    run(
      (sql) =>
        sql`update idempotency_keys set created_at = now() - ${age}::text::interval where user_id = ${user} and key = ${key}`,
    )

  test('makes a task like any other the first time', async () => {
    const user = newUserId()
    const body = { title: 'A', description: 'd', status: 'in_progress' }
    const first = await post(user, newKey(), body)
    expect(first.status).toBe(201)
    expect(first.json).toMatchObject({ ...body, user_id: user, completed: false })
    const read = await send('GET', first.headers.get('location') ?? '', { as: user })
    expect(read.json).toEqual(first.json)
    expect(read.headers.get('etag')).toBe(first.headers.get('etag'))
  })

  test('the same key and body again give the first answer again and create nothing', async () => {
    const [user, key] = [newUserId(), newKey()]
    const first = await post(user, key, { title: 'A', completed: true })
    for (let again = 0; again < 3; again++) {
      const answer = await post(user, key, { title: 'A', completed: true })
      expect(answer.status).toBe(201)
      expect(answer.json).toEqual(first.json)
      for (const header of ['location', 'etag', 'content-type'])
        expect(answer.headers.get(header)).toBe(first.headers.get(header))
    }
    expect(await countTasks(user)).toBe(1)
  })

  test('also when they run at the same time, also as the very first of a user', async () => {
    const [user, key] = [newUserId(), newKey()]
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(user, key, { title: 'A' })))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201))
    for (const { json } of answers) expect(json).toEqual(answers[0]?.json)
    expect(await countTasks(user)).toBe(1)
  })

  test('also after the task was changed', async () => {
    const [user, key] = [newUserId(), newKey()]
    const first = await post(user, key, { title: 'A' })
    const changed = await send('PUT', `/api/tasks/${first.json.id}`, {
      as: user,
      body: { title: 'B', completed: true },
    })
    expect((await post(user, key, { title: 'A' })).json).toEqual(first.json)
    expect((await send('GET', `/api/tasks/${first.json.id}`, { as: user })).json).toEqual(changed.json)
    expect(await countTasks(user)).toBe(1)
  })

  test('also after the task was deleted', async () => {
    const [user, key] = [newUserId(), newKey()]
    const first = await post(user, key, { title: 'A' })
    await send('DELETE', `/api/tasks/${first.json.id}`, { as: user })
    const again = await post(user, key, { title: 'A' })
    expect(again.status).toBe(201)
    expect(again.json).toEqual(first.json)
    expect(await countTasks(user)).toBe(0)
  })

  test('with another body the answer is 409, and nothing is created', async () => {
    const [user, key] = [newUserId(), newKey()]
    await post(user, key, { title: 'A', description: 'd' })
    for (const body of [
      { title: 'B', description: 'd' },
      { title: 'A' },
      { title: 'A', description: null },
      { title: 'A', description: 'd ' },
      { title: 'A', description: 'd', status: 'in_progress' },
      { title: 'A', description: 'd', completed: true },
    ])
      expectProblem(await post(user, key, body), reused(tasksOf(user)))
    expect(await countTasks(user)).toBe(1)
  })

  test('a description of nothing is another than an empty one', async () => {
    for (const [one, other] of [
      [null, ''],
      ['', null],
      ['', undefined],
      ['null', null],
    ]) {
      const [user, key] = [newUserId(), newKey()]
      expect((await post(user, key, { title: 'A', description: one })).status).toBe(201)
      expectProblem(await post(user, key, { title: 'A', description: other }), reused(tasksOf(user)))
    }
  })

  test('of different bodies at the same time one wins', async () => {
    const [user, key] = [newUserId(), newKey()]
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => post(user, key, { title: `by ${index}` })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)])
    const winner = answers.find(({ status }) => status === 201)
    expect((await send('GET', '/api/tasks', { as: user })).json).toEqual([winner?.json])
  })

  test('bodies are the same when they mean the same task', async () => {
    const [user, key] = [newUserId(), newKey()]
    const first = await post(user, key, { title: 'A' })
    for (const body of [
      { title: '  A\n' },
      { title: 'A', description: null },
      { title: 'A', status: 'pending' },
      { title: 'A', completed: false },
      { completed: false, status: 'pending', description: null, title: 'A ', id: 5, unknown: [1] },
    ])
      expect((await post(user, key, body)).json).toEqual(first.json)
    const done = newKey()
    const completed = await post(user, done, { title: 'A', completed: true })
    expect((await post(user, done, { title: 'A', status: 'completed' })).json).toEqual(completed.json)
    expect(await countTasks(user)).toBe(2)
  })

  test('another user’s same key is another key', async () => {
    const key = newKey()
    const [user, other] = [newUserId(), newUserId()]
    const first = await post(user, key, { title: 'A' })
    for (const body of [{ title: 'B' }, { title: 'B' }]) {
      const theirs = await post(other, key, body)
      expect(theirs.status).toBe(201)
      expect(theirs.json).toMatchObject({ user_id: other, title: 'B' })
      expect(theirs.json.id).not.toBe(first.json.id)
    }
    expect(await countTasks(other)).toBe(1)
  })

  test('both forms of the path share a user’s keys', async () => {
    const [user, key] = [newUserId(), newKey()]
    const first = await post(user, key, { title: 'A' })
    for (const path of ['/api/tasks', `/api/${user}/tasks`, `/api/${user}/tasks/`]) {
      const headers = { 'idempotency-key': key }
      const again = await send('POST', path, { as: user, body: { title: 'A' }, headers })
      expect(again.json).toEqual(first.json)
    }
    expect(await countTasks(user)).toBe(1)
  })

  test('a key is 1 to 255 visible ASCII characters, and told apart exactly', async () => {
    const user = newUserId()
    const keys = ['x', 'X', '~', '!', `"quoted"`, 'a,b', '1'.repeat(255), `${'1'.repeat(254)}2`]
    for (const key of keys) expect((await post(user, key, { title: 'A' })).status).toBe(201)
    expect(await countTasks(user)).toBe(keys.length)

    for (const key of ['', ' ', 'a b', 'a\tb', 'é', '\u00a0', 'x'.repeat(256)])
      expectProblem(await post(user, key, { title: 'A' }), {
        status: 400,
        code: 'invalid_request',
        detail: 'Idempotency-Key must be 1 to 255 visible ASCII characters',
        instance: tasksOf(user),
        errors: [{ field: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }],
      })
    expect(await countTasks(user)).toBe(keys.length)
  })

  test('a refused request does not use a key up', async () => {
    const [user, key] = [newUserId(), newKey()]
    expect((await post(user, key, { title: '' })).status).toBe(400)
    expect((await post(user, key, { title: 'A' })).status).toBe(201)
    expect((await post(user, key, { title: '' })).status).toBe(400)
  })

  test('a key is kept for 24 hours', async () => {
    const [user, key] = [newUserId(), newKey()]
    const first = await post(user, key, { title: 'A' })
    await agedBy(user, key, '23 hours 59 minutes')
    const again = await post(user, key, { title: 'A' })
    expect(again.json.id).toBe(first.json.id)
    expectProblem(await post(user, key, { title: 'B' }), reused(tasksOf(user)))
    expect(await countTasks(user)).toBe(1)
  })

  test('an expired key is free again, for any body, and then kept anew', async () => {
    const [user, key] = [newUserId(), newKey()]
    const first = await post(user, key, { title: 'A' })
    await agedBy(user, key, '25 hours')
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(user, key, { title: 'B' })))
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(201))
    expect(answers[0]?.json).toMatchObject({ title: 'B' })
    expect(answers[0]?.json.id).not.toBe(first.json.id)
    for (const { json } of answers) expect(json).toEqual(answers[0]?.json)
    expectProblem(await post(user, key, { title: 'A' }), reused(tasksOf(user)))
    expect(await countTasks(user)).toBe(2)
  })

  test('expired keys are swept by later keyed requests of their user, and their tasks stay', async () => {
    const user = newUserId()
    const old = [newKey(), newKey(), newKey()]
    for (const key of old) {
      await post(user, key, { title: 'A' })
      await agedBy(user, key, '10000 hours')
    }
    const kept = newKey()
    await post(user, kept, { title: 'A' })
    for (const key of old) expect(await countKeys(user, key)).toBe(0)
    expect(await countKeys(user, kept)).toBe(1)
    expect(await countTasks(user)).toBe(4)
  })

  if (engine.isServer)
    test('an expired key that somebody else is sweeping is not waited for', async () => {
      const [user, old] = [newUserId(), newKey()]
      await post(user, old, { title: 'A' })
      await agedBy(user, old, '25 hours')
      const others = run(
        (sql) => sql`
          with held as (
            select from idempotency_keys where user_id = ${user} and key = ${old} for update
          )
          select pg_sleep(600) from held`,
      ).catch(({ reason }) => reason)
      await until(async () => {
        const free = await run(
          (sql) => sql`select from idempotency_keys where user_id = ${user} for update skip locked`,
        )
        return free.length === 0
      })
      expect((await post(user, newKey(), { title: 'B' })).status).toBe(201)
      expect(await countKeys(user, old)).toBe(1)
      await run(
        (sql) => sql`
          select pg_cancel_backend(pid) from pg_stat_activity
          where wait_event = 'PgSleep' and query like '%held as%'`,
      )
      expect(await others).toBe('database: 57014')
    })

  test('without a key each request makes a task', async () => {
    const { user } = await makeTask(api, { tasksOf })
    await makeTask(api, { tasksOf, user })
    expect(await countTasks(user)).toBe(2)
  })
})
