import { expect, test } from 'bun:test'
import { type Answer, describeApi, newUserId } from '../support/api.ts'
import { expectInvalid } from '../support/problem.ts'
import { makeTask } from '../support/task-forms.ts'

describeApi('the text of a task', (api) => {
  /** Sends the fields in each of the three ways there are to write them. */
  const writeEachWay = async (fields: Record<string, unknown>): Promise<[Answer, string][]> => {
    const { user, path } = await makeTask(api)
    const body = { title: 'A task', ...fields }
    return [
      [await api.send('POST', '/api/tasks', { as: user, body }), '/api/tasks'],
      [await api.send('PUT', path, { as: user, body }), path],
      [await api.send('PATCH', path, { as: user, body: fields }), path],
    ]
  }

  const accepts = async (fields: Record<string, unknown>, stored: Record<string, unknown> = fields) => {
    for (const [answer] of await writeEachWay(fields)) {
      expect([200, 201]).toContain(answer.status)
      expect(answer.json).toMatchObject(stored)
    }
  }

  const refuses = async (fields: Record<string, unknown>, field: string, message: string) => {
    for (const [answer, path] of await writeEachWay(fields)) expectInvalid(answer, path, field, message)
  }

  test('a title is trimmed of all white space that JavaScript trims', () =>
    accepts(
      { title: '\t\n\v\f\r \u00a0\u1680\u2003\u2028\u2029\u202f\u3000\ufeff in side \ufeff ' },
      { title: 'in side' },
    ))

  test('a title of nothing but white space is empty', async () => {
    for (const title of ['', ' ', '\u3000\ufeff\n']) await refuses({ title }, 'title', 'must not be empty')
  })

  test('a title has at most 200 characters, each counted once whatever its encoding', async () => {
    await accepts({ title: 'x'.repeat(200) })
    await accepts({ title: '💾'.repeat(200) })
    for (const title of ['x'.repeat(201), '💾'.repeat(201), `${'x'.repeat(200)}💾`])
      await refuses({ title }, 'title', 'must have at most 200 characters')
  })

  test('the length of a title is that after trimming', () =>
    accepts(
      { title: `${' '.repeat(300)}${'💾'.repeat(200)}${' '.repeat(300)}` },
      { title: '💾'.repeat(200) },
    ))

  test('a description has at most 10,000 characters and is not trimmed', async () => {
    await accepts({ description: 'x'.repeat(10_000) })
    await accepts({ description: '💾'.repeat(10_000) })
    await accepts({ description: `  ${'é'.repeat(9_996)}\n\n` })
    await accepts({ description: '' })
    for (const description of ['x'.repeat(10_001), '💾'.repeat(10_001), `${'x'.repeat(10_000)} `])
      await refuses({ description }, 'description', 'must have at most 10000 characters')
  })

  test('NUL is refused, which PostgreSQL cannot store', async () => {
    for (const text of ['\0', 'a\0b', '\0a'])
      for (const field of ['title', 'description'])
        await refuses({ [field]: text }, field, 'must not contain NUL characters')
  })

  test('unpaired surrogates are refused, which would be stored as something else', async () => {
    for (const text of ['\ud800', 'a\udc00b', '\udc00\ud800'])
      for (const field of ['title', 'description'])
        await refuses({ [field]: text }, field, 'must not contain unpaired surrogates')
  })

  test('any other character is stored as it was sent', () =>
    accepts({
      title: `'"; drop table tasks; -- \\ %s $1 \u0001\u007f\u0085 ﷽ e\u0301 👩‍👩‍👧‍👦 </script>`,
      description: '{"a":[1]} \u202e \ufffd \uffff \u{10ffff} \r\n\t',
    }))

  test('NUL and surrogates do no harm in fields that are ignored', () =>
    accepts({ title: 'A', '\0': '\0', extra: '\ud800' }, { title: 'A' }))

  test('all that is wrong with a body is told at once', async () => {
    const body = { title: ' ', description: '\0', status: 'pending', completed: true }
    const answer = await api.send('POST', '/api/tasks', { as: newUserId(), body })
    expect(answer.status).toBe(400)
    expect(new Set(answer.json.errors.map(({ field }: { field: string }) => field))).toEqual(
      new Set(['title', 'description', 'completed']),
    )
  })
})
