import { expect, test } from 'bun:test'
import { describeApi, newUserId } from '../support/api.ts'

describeApi('POST /api/tasks', ({ send }) => {
  test('stores the task as the token’s user’s own, with a Location and an ETag', async () => {
    const user = newUserId()
    const created = await send('POST', '/api/tasks', {
      as: user,
      body: { title: '  Buy milk ', user_id: 'x', id: 7 },
    })

    expect(created.status).toBe(201)
    expect(created.json).toMatchObject({
      user_id: user,
      title: 'Buy milk',
      description: null,
      status: 'pending',
      completed: false,
    })
    expect(created.json.updated_at).toBe(created.json.created_at)
    expect(created.headers.get('location')).toBe(`/api/tasks/${created.json.id}`)
    expect(created.headers.get('etag')).toBe(`"${created.json.updated_at}"`)
  })
})
