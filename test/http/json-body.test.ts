import { expect, test } from 'bun:test'
import { describeApi, newUserId } from '../support/api.ts'
import { expectProblem } from '../support/problem.ts'
import { makeTask } from '../support/task-forms.ts'

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))

describeApi('a JSON body', (api) => {
  const { send } = api

  const malformed = {
    status: 400,
    code: 'malformed_json',
    detail: 'The body is not valid JSON',
    instance: '/api/tasks',
  }
  const otherType = {
    status: 415,
    code: 'unsupported_media_type',
    detail: 'The body must be application/json',
    instance: '/api/tasks',
  }

  const otherPatchType = {
    ...otherType,
    detail: 'The body must be application/json or application/merge-patch+json',
  }

  test('is application/json, in any case and with any parameters', async () => {
    const user = newUserId()
    for (const type of [
      'application/json',
      'Application/JSON',
      'application/json;charset=utf-8',
      'application/json ; charset="UTF-8"; x=y',
    ]) {
      const headers = { 'content-type': type }
      expect((await send('POST', '/api/tasks', { as: user, body: '{"title":"A"}', headers })).status).toBe(
        201,
      )
    }
  })

  test('of any other type, or of none, is 415', async () => {
    const { user, path } = await makeTask(api)
    for (const type of [
      'text/plain',
      'text/json',
      'application/jsonp',
      'application/json5',
      'application/x-json',
      'application/merge-patch+json',
      'application/problem+json',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain; application/json',
      'json',
    ])
      expectProblem(
        await send('POST', '/api/tasks', {
          as: user,
          body: '{"title":"A"}',
          headers: { 'content-type': type },
        }),
        otherType,
      )
    // Bytes, because text would be given a type by the client.
    expectProblem(await send('POST', '/api/tasks', { as: user, body: bytes('{"title":"A"}') }), otherType)
    for (const [method, suffix] of [
      ['PUT', ''],
      ['PATCH', ''],
      ['PATCH', '/complete'],
    ] as const) {
      const instance = `${path}${suffix}`
      expectProblem(
        await send(method, instance, { as: user, body: bytes('{"completed":true,"title":"A"}') }),
        { ...(method === 'PATCH' ? otherPatchType : otherType), instance },
      )
    }
    expect((await send('GET', path, { as: user })).json.completed).toBe(false)
  })

  test('of PATCH may be a merge patch, too, and PATCH says so', async () => {
    const types = 'application/json, application/merge-patch+json'
    const { user, path } = await makeTask(api, { description: 'to be cleared' })
    for (const type of ['application/merge-patch+json', 'Application/Merge-Patch+JSON ; charset=utf-8']) {
      const headers = { 'content-type': type }
      const patched = await send('PATCH', path, { as: user, body: '{"description":null}', headers })
      expect([patched.status, patched.json.description]).toEqual([200, null])
      expect(patched.headers.get('accept-patch')).toBe(types)
      const completed = await send('PATCH', `${path}/complete`, {
        as: user,
        body: '{"completed":true}',
        headers,
      })
      expect([completed.status, completed.json.completed]).toEqual([200, true])
      expect(completed.headers.get('accept-patch')).toBe(types)
    }
    for (const instance of [path, `${path}/complete`]) {
      const headers = { 'content-type': 'application/json-patch+json' }
      const refused = await send('PATCH', instance, { as: user, body: '{"completed":true}', headers })
      expectProblem(refused, { ...otherPatchType, instance })
      expect(refused.headers.get('accept-patch')).toBe(types)
      const options = await send('OPTIONS', instance, { as: user })
      expect([options.status, options.headers.get('accept-patch')]).toEqual([405, types])
    }
    const other = await send('PUT', path, {
      as: user,
      body: '{"title":"A"}',
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    expectProblem(other, { ...otherType, instance: path })
    expect(other.headers.get('accept-patch')).toBeNull()
  })

  test('that is compressed, or said to be, is 415 with what would not be', async () => {
    const { user, path } = await makeTask(api)
    const plain = '{"title":"B","completed":true}'
    for (const [method, instance] of [
      ['POST', '/api/tasks'],
      ['PUT', path],
      ['PATCH', path],
      ['PATCH', `${path}/complete`],
    ] as const)
      for (const coding of ['gzip', 'br', 'zstd', 'deflate', 'GZIP', 'identity, gzip', 'made-up'])
        for (const body of [plain, new Uint8Array(Bun.gzipSync(plain))]) {
          const headers = { 'content-type': 'application/json', 'content-encoding': coding }
          const refused = await send(method, instance, { as: user, body, headers })
          expectProblem(refused, {
            status: 415,
            code: 'unsupported_media_type',
            detail: 'The body must not be compressed',
            instance,
          })
          expect(refused.headers.get('accept-encoding')).toBe('identity')
        }
    for (const coding of ['identity', 'Identity', '']) {
      const headers = { 'content-type': 'application/json', 'content-encoding': coding }
      expect((await send('PUT', path, { as: user, body: plain, headers })).status).toBe(200)
    }
    const headers = { 'content-encoding': 'gzip' }
    expect((await send('PATCH', `${path}/complete`, { as: user, headers })).status).toBe(200)
  })

  test('that is not JSON is malformed', async () => {
    const user = newUserId()
    for (const body of [
      ' ',
      '{',
      '{"title":"A"',
      '{"title":"A"} x',
      '{"title":"A",}',
      "{'title':'A'}",
      '{title:"A"}',
      '{"title":"a\nb"}',
      '{"title":undefined}',
      '{"title":NaN}',
      '// {"title":"A"}',
      'title=A',
      '\0',
      '['.repeat(60_000),
    ]) {
      const headers = { 'content-type': 'application/json' }
      expectProblem(await send('POST', '/api/tasks', { as: user, body, headers }), malformed)
    }
  })

  test('that is not UTF-8 is malformed, and not stored as something else', async () => {
    const user = newUserId()
    const headers = { 'content-type': 'application/json' }
    for (const text of ['\xff', '\xc3', '\xed\xa0\x80', '\xc0\x80', '\xf4\x90\x80\x80']) {
      const body = bytes(`{"title":"A${text}"}`)
      expectProblem(await send('POST', '/api/tasks', { as: user, body, headers }), malformed)
    }
    const utf16 = new Uint8Array(Buffer.from('{"title":"A"}', 'utf16le'))
    expectProblem(await send('POST', '/api/tasks', { as: user, body: utf16, headers }), malformed)
    expect((await send('GET', '/api/tasks', { as: user })).json).toEqual([])
  })

  test('may be nested deeply and hold large numbers where that is ignored', async () => {
    const user = newUserId()
    const headers = { 'content-type': 'application/json' }
    const nested = `${'['.repeat(5000)}${']'.repeat(5000)}`
    for (const body of [
      `{"title":"A","x":${nested}}`,
      `{"title":"A","x":1e999}`,
      `{"x":"","title":"B","title":"A"}`,
    ]) {
      const made = await send('POST', '/api/tasks', { as: user, body, headers })
      expect([made.status, made.json.title]).toEqual([201, 'A'])
    }
  })

  test('that is empty is no error where a body is optional or not read', async () => {
    const { user, path, task } = await makeTask(api)
    const headers = { 'content-type': 'application/json' }
    for (const body of [undefined, '']) {
      const toggled = await send('PATCH', `${path}/complete`, { as: user, body, headers })
      expect(toggled.status).toBe(200)
    }
    for (const at of ['/api/tasks', path]) {
      const answer = await send('GET', at, { as: user, headers })
      expect([at, answer.status]).toEqual([at, 200])
    }
    expect((await send('GET', '/health', { headers })).status).toBe(200)
    expect((await send('DELETE', path, { as: user, headers })).status).toBe(204)
    expect(task.completed).toBe(false)
  })
})
