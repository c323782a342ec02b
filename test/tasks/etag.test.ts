import { expect, test } from 'bun:test'
import { newUserId } from '../support/api.ts'
import { expectProblem, notFound } from '../support/problem.ts'
import { describeForms, makeTask } from '../support/task-forms.ts'

const malformed = ['x', '"', '"a', 'a"', 'W/', 'w/"a"', '"a" "b"', '"a",b', '* , "a"', '**', '"a\u00a0b" x']
/** A list without an element. */
const empty = ['', ' ', ',', ' , ,']

const marked = (etag: string, mark: string): string => `${etag.slice(0, -1)}${mark}"`

/** What proxies that compress make of a tag: nginx weakens it, Apache, Caddy and others append the coding. */
const changedOnTheWay = (etag: string): string[] => {
  const marks = ['gzip', 'br', 'zstd', 'deflate'].flatMap((coding) => [`-${coding}`, `;${coding}`])
  const tags = [etag, ...marks.map((mark) => marked(etag, mark))]
  return tags.flatMap((tag) => [tag, `W/${tag}`])
}

describeForms('entity tags', (api, tasksOf) => {
  const { send } = api
  const CHANGES: [string, string, unknown][] = [
    ['PUT', '', { title: 'B' }],
    ['PATCH', '', { title: 'C' }],
    ['PATCH', '/complete', undefined],
    ['PATCH', '/complete', { completed: true }],
    ['DELETE', '', undefined],
  ]

  const preconditionFailed = (instance: string) => ({
    status: 412,
    code: 'precondition_failed',
    detail: 'The task has changed since it was read',
    instance,
  })

  const malformedHeader = (field: string, instance: string) => ({
    status: 400,
    code: 'invalid_request',
    detail: `${field} must be * or a list of entity tags`,
    instance,
    errors: [{ field, message: 'must be * or a list of entity tags' }],
  })

  test('every answer with one task has a strong one, the same for the same version', async () => {
    const { user, path, etag } = await makeTask(api, { tasksOf })
    expect(etag).toMatch(/^"[\x21\x23-\x7e]+"$/)
    expect((await send('GET', path, { as: user })).headers.get('etag')).toBe(etag)
    let before = etag
    for (const [method, suffix, body] of CHANGES.slice(0, 3)) {
      const answer = await send(method, `${path}${suffix}`, { as: user, body })
      const after = answer.headers.get('etag')
      expect(after).toMatch(/^"[\x21\x23-\x7e]+"$/)
      expect(after).not.toBe(before)
      expect((await send('GET', path, { as: user })).headers.get('etag')).toBe(after)
      before = after ?? ''
    }
  })

  test('it changes on every stored change, and updated_at never goes back, also when the clock does', async () => {
    const { user, path, task } = await makeTask(api, { tasksOf })
    const { run } = api.engine.database
    const future = '2999-01-01T00:00:00.000000Z'
    await run(
      (sql) => sql`update tasks set updated_at = ${future} where id = ${task.id} and user_id = ${user}`,
    )
    const seen = new Set<string>()
    let before = future
    for (let change = 0; change < 5; change++) {
      const { json, headers } = await send('PATCH', `${path}/complete`, { as: user })
      expect(json.updated_at > before).toBe(true)
      expect(json.created_at).toBe(task.created_at)
      before = json.updated_at
      seen.add(headers.get('etag') ?? '')
    }
    expect(seen.size).toBe(5)
  })

  test('If-None-Match on GET gives 304 with no body when it names the version, by weak comparison', async () => {
    const { user, path, etag } = await makeTask(api, { tasksOf })
    for (const header of [
      etag,
      `W/${etag}`,
      '*',
      ` ${etag} `,
      `"x", ${etag}`,
      `W/"x",,"y" , W/${etag}`,
      `, ${etag},`,
      ...changedOnTheWay(etag),
    ]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await send(method, path, { as: user, headers: { 'if-none-match': header } })
        expect([header, answer.status]).toEqual([header, 304])
        expect(answer.text).toBe('')
        expect(answer.headers.get('etag')).toBe(etag)
        expect(answer.headers.get('content-type')).toBeNull()
      }
    }
    await send('PATCH', `${path}/complete`, { as: user })
    const answer = await send('GET', path, { as: user, headers: { 'if-none-match': etag } })
    expect(answer.status).toBe(200)
    expect(answer.json.completed).toBe(true)
  })

  test('If-None-Match with other versions gives the task', async () => {
    const { user, path, task, etag } = await makeTask(api, { tasksOf })
    for (const header of [
      '"x"',
      `${etag.slice(0, 5)}"`,
      `W/"x", "y"`,
      '""',
      `"*"`,
      marked(etag, '-lzma'),
      marked(etag, 'gzip'),
      marked(etag, '-'),
      ...empty,
    ]) {
      const answer = await send('GET', path, { as: user, headers: { 'if-none-match': header } })
      expect([header, answer.status]).toEqual([header, 200])
      expect(answer.json).toEqual(task)
    }
  })

  for (const [method, suffix, body] of CHANGES) {
    const name = `${method} …${suffix}${body === undefined ? '' : ` with ${JSON.stringify(body)}`}`

    test(`If-Match lets ${name} through on the version it names, and on any for *`, async () => {
      const status = method === 'DELETE' ? 204 : 200
      const wrappings = [
        (etag: string) => etag,
        () => '*',
        () => ' * ',
        (etag: string) => `"x", ${etag}`,
        (etag: string) => `W/"x" ,, ${etag},`,
        (etag: string) => `W/${etag}, ${etag}`,
        ...changedOnTheWay('').map((_, form) => (etag: string) => changedOnTheWay(etag)[form] ?? ''),
      ]
      for (const wrap of wrappings) {
        const { user, path, etag } = await makeTask(api, { tasksOf })
        const headers = { 'if-match': wrap(etag) }
        const answer = await send(method, `${path}${suffix}`, { as: user, body, headers })
        expect([headers['if-match'], answer.status]).toEqual([headers['if-match'], status])
      }
    })

    test(`If-Match gives ${name} 412, and changes nothing, when the task has moved on`, async () => {
      const { user, path, etag } = await makeTask(api, { tasksOf })
      const now = await send('PATCH', path, { as: user, body: { description: 'moved on' } })
      const current = now.headers.get('etag') ?? ''
      for (const header of [
        etag,
        `W/${etag}`,
        marked(etag, '-gzip'),
        marked(current, '-lzma'),
        '"x"',
        '""',
        '"*"',
        `${etag}, "x"`,
        ...empty,
        '"2026-13-45T99:99:99.999999Z"',
        '"0000-00-00T00:00:00.000000Z"',
        '"0000-01-01T00:00:00.000000Z"',
        '"2026-02-30T00:00:00.000000Z"',
        '"2026-02-01T24:00:00.000000Z"',
        `"a,b'c\\"`,
        `"${current.slice(1, -1)},"`,
      ]) {
        const answer = await send(method, `${path}${suffix}`, {
          as: user,
          body,
          headers: { 'if-match': header },
        })
        expectProblem(answer, preconditionFailed(`${path}${suffix}`))
      }
      expect((await send('GET', path, { as: user })).json).toEqual(now.json)
    })

    test(`If-None-Match gives ${name} 412, and changes nothing, when it names the version, or any`, async () => {
      const { user, path, task, etag } = await makeTask(api, { tasksOf })
      for (const headers of [
        ...[...changedOnTheWay(etag), '*', ' * ', `"x",, ${etag},`].map((header) => ({
          'if-none-match': header,
        })),
        { 'if-none-match': etag, 'if-match': etag },
        { 'if-none-match': '*', 'if-match': '*' },
        { 'if-none-match': '"x"', 'if-match': '"x"' },
      ])
        expectProblem(
          await send(method, `${path}${suffix}`, { as: user, body, headers }),
          preconditionFailed(`${path}${suffix}`),
        )
      expect((await send('GET', path, { as: user })).json).toEqual(task)
    })

    test(`If-None-Match lets ${name} through on any other version`, async () => {
      const status = method === 'DELETE' ? 204 : 200
      for (const header of [
        '"x"',
        '"2026-02-01T09:30:00.123456Z"',
        '"2026-13-01T09:30:00.123456Z"',
        ...empty,
      ])
        for (const withMatch of [false, true]) {
          const { user, path, etag } = await makeTask(api, { tasksOf })
          const headers = { 'if-none-match': header, ...(withMatch && { 'if-match': etag }) }
          const answer = await send(method, `${path}${suffix}`, { as: user, body, headers })
          expect([headers, answer.status]).toEqual([headers, status])
        }
    })

    test(`a condition that is malformed is 400 for ${name}, whether there is such a task or not`, async () => {
      const { user, path, task } = await makeTask(api, { tasksOf })
      for (const at of [`${path}${suffix}`, `${tasksOf(user)}/${task.id + 1_000_000}${suffix}`])
        for (const header of malformed) {
          for (const field of ['If-Match', 'If-None-Match']) {
            const answer = await send(method, at, { as: user, body, headers: { [field]: header } })
            expectProblem(answer, malformedHeader(field, at))
          }
        }
      expect((await send('GET', path, { as: user })).json).toEqual(task)
    })

    test(`a condition does not turn the 404 of ${name} into anything else`, async () => {
      const { task, etag } = await makeTask(api, { tasksOf })
      const user = newUserId()
      const path = `${tasksOf(user)}/${task.id}${suffix}`
      for (const header of [etag, '*', '"x"', `W/${etag}`])
        for (const field of ['If-Match', 'If-None-Match'])
          expectProblem(
            await send(method, path, { as: user, body, headers: { [field]: header } }),
            notFound(path),
          )
    })
  }

  test('If-Match on GET gives 412 when it does not name the version, and the task when it does', async () => {
    const { user, path, task, etag } = await makeTask(api, { tasksOf })
    const get = (header: string, other = {}) =>
      send('GET', path, { as: user, headers: { 'if-match': header, ...other } })
    for (const header of [...changedOnTheWay(etag), '*', `"x", ${etag}`])
      expect((await get(header)).json).toEqual(task)
    for (const header of ['"x"', marked(etag, '-lzma'), ...empty])
      expectProblem(await get(header), preconditionFailed(path))
    expectProblem(await get('"x"', { 'if-none-match': etag }), preconditionFailed(path))
    expect((await get(etag, { 'if-none-match': etag })).status).toBe(304)
    expect((await send('HEAD', path, { as: user, headers: { 'if-match': '"x"' } })).status).toBe(412)
  })

  test('a condition on GET that is malformed is 400, whether there is such a task or not', async () => {
    const { user, path, task } = await makeTask(api, { tasksOf })
    for (const at of [path, `${tasksOf(user)}/${task.id + 1_000_000}`])
      for (const header of malformed) {
        for (const field of ['If-Match', 'If-None-Match']) {
          const answer = await send('GET', at, { as: user, headers: { [field]: header } })
          expectProblem(answer, malformedHeader(field, at))
        }
      }
  })

  test('of changes at the same moment with the same If-Match, one is applied', async () => {
    const { user, path, etag } = await makeTask(api, { tasksOf })
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        send('PATCH', path, { as: user, body: { title: `by ${index}` }, headers: { 'if-match': etag } }),
      ),
    )
    const [winner, ...others] = answers.filter(({ status }) => status !== 412)
    expect(others).toEqual([])
    expect(winner?.status).toBe(200)
    expect((await send('GET', path, { as: user })).json).toEqual(winner?.json)
  })
})
