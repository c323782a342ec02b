import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { treaty } from '@elysiajs/eden'
// As a front end does that has this package among its development dependencies: the compiled type, no code.
import type { App } from 'todo-backend'
import { apiOn } from '../support/api.ts'
import { engines } from '../support/engines.ts'

for (const engine of engines())
  describe(`Eden’s client, over a socket (${engine.name})`, () => {
    const { app } = apiOn(engine)
    let url: string

    beforeAll(() => {
      app.listen({ port: 0, hostname: '127.0.0.1' })
      url = `http://127.0.0.1:${app.server?.port}`
    })

    afterAll(() => app.stop())

    /** A client with the token of a new account. */
    const signedUp = async () => {
      const email = `${crypto.randomUUID()}@example.com`
      const password = 'correct horse battery'
      const anonymous = treaty<App>(url)
      const { data: account } = await anonymous.api.auth.signup.post({ email, password })
      const { data: session } = await anonymous.api.auth.login.post({ email, password })
      expect(session?.user).toEqual(account?.user as NonNullable<typeof account>['user'])
      const headers = { authorization: `Bearer ${session?.access_token}` }
      return { client: treaty<App>(url, { headers }), userId: session?.user.id as string }
    }

    test('signs up, signs in, and creates, lists, changes, completes and deletes a task', async () => {
      const { client, userId } = await signedUp()
      const created = await client.api.tasks.post({ title: 'Buy milk', status: 'in_progress' })
      expect(created.status).toBe(201)
      expect(created.data?.title).toBe('Buy milk')
      const id = created.data?.id as number

      const listed = await client.api.tasks.get({ query: { status: 'in_progress' } })
      expect(listed.data?.map((task) => task.id)).toEqual([id])
      const ofUser = await client.api({ user_id: userId }).tasks.get({ query: {} })
      expect(ofUser.data).toEqual(listed.data)

      const task = client.api.tasks({ task_id: String(id) })
      expect((await task.get()).data).toEqual(created.data)
      expect((await task.patch({ title: 'Buy oat milk' })).data?.title).toBe('Buy oat milk')
      expect((await task.put({ title: 'Buy soy milk', description: null })).data?.status).toBe('in_progress')
      expect((await task.complete.patch({ completed: true })).data?.completed).toBe(true)
      expect((await task.delete()).status).toBe(204)
      expect((await task.get()).error?.status).toBe(404)
    })

    test('tells an error by its status and its problem', async () => {
      const { client } = await signedUp()
      const { data, error } = await client.api.tasks.post({ title: '' })
      expect(data).toBe(null)
      expect(error?.value).toMatchObject({
        code: 'invalid_request',
        detail: 'title must not be empty',
      })
    })
  })

/** Never called: `tsc` reads it, and fails when one of these is not an error any more. */
export const whatTheTypesRefuse = async () => {
  const client = treaty<App>('http://localhost')
  // @ts-expect-error: no such field
  await client.api.tasks.post({ titel: 'Buy milk' })
  // @ts-expect-error: a title is a text
  await client.api.tasks.post({ title: 1 })
  // @ts-expect-error: no such status
  await client.api.tasks.post({ title: 'Buy milk', status: 'done' })
  // @ts-expect-error: no such filter
  await client.api.tasks.get({ query: { status: 'done' } })
  // @ts-expect-error: no such path
  await client.api.todos.get()
  const { data } = await client.api.tasks({ task_id: '1' }).get()
  // @ts-expect-error: no such field
  data?.done
  // @ts-expect-error: a password is required
  await client.api.auth.login.post({ email: 'ada@example.com' })
}
