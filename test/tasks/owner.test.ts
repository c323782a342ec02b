import { expect, test } from 'bun:test'
import { newUserId } from '../support/api.ts'
import { describeForms, makeTask } from '../support/task-forms.ts'

describeForms('the row of a user', (api, tasksOf) => {
  const { send, engine } = api
  const { run } = engine.database

  const rowsOf = (user: string) =>
    run(
      (sql) => sql<{ email: string | null; password_hash: string | null; created_at: string }[]>`
      select email, password_hash, created_at from users where id = ${user}`,
    )

  test('is made with the first task, and known by nothing but the id', async () => {
    for (const headers of [{}, { 'idempotency-key': 'first' }]) {
      const user = newUserId()
      await send('POST', tasksOf(user), {
        as: user,
        body: { title: 'A' },
        headers: headers as Record<string, string>,
      })
      const rows = await rowsOf(user)
      expect(rows).toHaveLength(1)
      expect(rows[0]).toMatchObject({ email: null, password_hash: null })
      await makeTask(api, { user, tasksOf })
      expect(await rowsOf(user)).toEqual(rows)
    }
  })

  test('is made once when the first tasks are made at the same moment', async () => {
    const user = newUserId()
    await Promise.all(Array.from({ length: 20 }, () => makeTask(api, { user, tasksOf })))
    expect(await rowsOf(user)).toHaveLength(1)
    expect((await send('GET', tasksOf(user), { as: user })).json).toHaveLength(20)
  })

  test('is not made by anything that stores nothing', async () => {
    const user = newUserId()
    const path = `${tasksOf(user)}/1`
    await send('GET', tasksOf(user), { as: user })
    await send('GET', path, { as: user })
    await send('PUT', path, { as: user, body: { title: 'A' } })
    await send('PATCH', `${path}/complete`, { as: user })
    await send('DELETE', path, { as: user })
    await send('POST', tasksOf(user), { as: user, body: { title: '' } })
    expect(await rowsOf(user)).toEqual([])
  })
})
