import { expect, test } from 'bun:test'
import { type Answer, type Api, describeApi, newUserId, type RequestOptions } from '../support/api.ts'
import { expectProblem } from '../support/problem.ts'
import { makeTask } from '../support/task-forms.ts'

const json = { 'content-type': 'application/json' }

describeApi('an error', (api) => {
  const { send } = api

  test('is a problem of RFC 9457 with code, message, instance and request_id, wherever it happens', async () => {
    const { user, path } = await makeTask(api)
    const [as, body] = [user, { title: 'A' }]
    for (const [method, target, options, expected] of [
      ['GET', '/api/tasks', {}, [401, 'unauthenticated', 'Missing bearer token']],
      [
        'GET',
        '/api/tasks',
        { headers: { authorization: 'Basic x' } },
        [401, 'unauthenticated', 'Missing bearer token'],
      ],
      [
        'GET',
        '/api/tasks',
        { headers: { authorization: 'Bearer x' } },
        [401, 'invalid_token', 'Invalid token'],
      ],
      ['GET', '/api/nobody/tasks', { as }, [403, 'forbidden', 'These tasks belong to another user']],
      ['GET', '/nowhere?x=1', {}, [404, 'not_found', 'Not found']],
      ['GET', '/api', { as }, [404, 'not_found', 'Not found']],
      ['GET', `${path}0000?x=1`, { as }, [404, 'not_found', 'Not found']],
      ['POST', '/health', {}, [405, 'method_not_allowed', 'This resource does not take that method']],
      [
        'DELETE',
        '/api/tasks',
        { as },
        [405, 'method_not_allowed', 'This resource does not take that method'],
      ],
      [
        'PUT',
        path,
        { as, body, headers: { 'if-match': '"x"' } },
        [412, 'precondition_failed', 'The task has changed since it was read'],
      ],
      [
        'PUT',
        path,
        { as, body: `"${'x'.repeat(65_536)}"` },
        [413, 'payload_too_large', 'The body is too large'],
      ],
      ['PUT', path, { as, body: '{}' }, [415, 'unsupported_media_type', 'The body must be application/json']],
      ['PUT', path, { as, body: '{', headers: json }, [400, 'malformed_json', 'The body is not valid JSON']],
    ] as [string, string, RequestOptions, [number, string, string]][]) {
      const [status, code, detail] = expected
      const instance = target.split('?', 1)[0] ?? ''
      expectProblem(await send(method, target, options), { status, code, detail, instance })
    }
  })

  test('tells each field that is not valid, and repeats the first as its detail', async () => {
    const user = newUserId()
    const body = { title: 1, description: 2, status: 3, completed: 4 }
    const errors = [
      { field: 'title', message: 'must be a string' },
      { field: 'description', message: 'must be a string or null' },
      { field: 'status', message: 'must be one of pending, in_progress, completed' },
      { field: 'completed', message: 'must be true or false' },
    ]
    expectProblem(await send('POST', '/api/tasks', { as: user, body }), {
      status: 400,
      code: 'invalid_request',
      detail: 'title must be a string',
      instance: '/api/tasks',
      errors,
    })
  })

  test('of a missing or unusable token says so in WWW-Authenticate', async () => {
    const challenge = async (authorization?: string) => {
      const answer = await send('GET', '/api/tasks', {
        headers: authorization === undefined ? {} : { authorization },
      })
      expect(answer.status).toBe(401)
      return answer.headers.get('www-authenticate')
    }
    expect(await challenge()).toBe('Bearer')
    expect(await challenge('Basic eDp5')).toBe('Bearer')
    expect(await challenge('Bearer')).toBe('Bearer')
    expect(await challenge('Bearer x')).toMatch(/^Bearer error="invalid_token", error_description="[^"]+"$/)
  })

  test('of another kind than 401 has no WWW-Authenticate', async () => {
    const user = newUserId()
    for (const path of ['/api/x', '/api/nobody/tasks', '/api/tasks/x', '/nowhere'])
      expect((await send('GET', path, { as: user })).headers.get('www-authenticate')).toBeNull()
  })

  test('echoes nothing of what was submitted in a body, a query or a header', async () => {
    // Of this status and completion both differ from what the bodies below say.
    const { user, path } = await makeTask(api, { status: 'in_progress' })
    const mark = 'SUBMITTED'
    const answers: Answer[] = []
    const bodies = [
      `{"title":"${mark}`,
      `${mark}`,
      `"${mark}"`,
      `["${mark}"]`,
      `{"${mark}":"${mark}"}`,
      `{"title":["${mark}"]}`,
      `{"title":{"${mark}":1}}`,
      `{"title":"${mark.repeat(40)}"}`,
      `{"title":"${mark}\\u0000"}`,
      `{"title":"${mark}\\ud800"}`,
      `{"title":"${mark}","description":["${mark}"]}`,
      `{"title":"${mark}","status":"${mark}"}`,
      `{"title":"${mark}","completed":"${mark}"}`,
      `{"title":"${mark}","completed":true,"status":"pending"}`,
      `{"title":"${mark}","x":"${mark.repeat(10_000)}"}`,
    ]
    for (const body of bodies) {
      answers.push(await send('POST', '/api/tasks', { as: user, body, headers: json }))
      answers.push(await send('PUT', path, { as: user, body, headers: json }))
    }
    for (const body of bodies.slice(0, 5))
      answers.push(await send('PATCH', `${path}/complete`, { as: user, body, headers: json }))
    for (const name of ['status', 'completed', 'limit', 'after'])
      answers.push(await send('GET', `/api/tasks?${name}=${mark}&${mark}=${mark}`, { as: user }))
    for (const name of ['authorization', 'if-match', 'content-type', 'idempotency-key'])
      answers.push(
        await send(name === 'if-match' ? 'PUT' : 'POST', name === 'if-match' ? path : '/api/tasks', {
          as: user,
          body: '{"title":"A"}',
          headers: { ...json, [name]: `${mark} ${mark}` },
        }),
      )
    answers.push(await send('GET', path, { as: user, headers: { 'if-none-match': mark } }))
    answers.push(await send('GET', '/api/tasks', { headers: { authorization: `Bearer ${mark}` } }))
    for (const { status, text, headers } of answers) {
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(500)
      expect(text + JSON.stringify([...headers])).not.toContain(mark)
    }
  })
})

const describe422 = (define: (api: Api) => void) =>
  describeApi('an error with VALIDATION_ERROR_STATUS=422', define, { validationErrorStatus: 422 })

describe422((api) => {
  const { send } = api

  const told = async (method: string, path: string, options: RequestOptions) => {
    const { status, json } = await send(method, path, options)
    expect(json.status).toBe(status)
    return [status, json.code, json.title]
  }
  const invalid = [422, 'invalid_request', 'Unprocessable Content']

  test('is 422 for a well-formed but invalid body, query or path', async () => {
    const { user, path } = await makeTask(api, { status: 'in_progress' })
    for (const body of [
      {},
      { title: 1 },
      { title: ' ' },
      { title: 'x'.repeat(201) },
      { title: 'a\0' },
      { title: '\ud800' },
      { title: 'A', description: '\0' },
      { title: 'A', completed: true, status: 'pending' },
      [],
    ]) {
      expect(await told('POST', '/api/tasks', { as: user, body })).toEqual(invalid)
      expect(await told('PUT', path, { as: user, body })).toEqual(invalid)
    }
    expect(await told('PATCH', path, { as: user, body: {} })).toEqual(invalid)
    expect(await told('PATCH', `${path}/complete`, { as: user, body: { done: true } })).toEqual(invalid)
    for (const query of ['status=x', 'completed=x', 'limit=0', 'after=x', 'after=%00'])
      expect(await told('GET', `/api/tasks?${query}`, { as: user })).toEqual(invalid)
    for (const id of ['x', '0', '%00'])
      expect(await told('GET', `/api/tasks/${id}`, { as: user })).toEqual(invalid)
    expectProblem(await send('POST', '/api/tasks', { as: user, body: { title: '' } }), {
      status: 422,
      code: 'invalid_request',
      detail: 'title must not be empty',
      instance: '/api/tasks',
      errors: [{ field: 'title', message: 'must not be empty' }],
    })
  })

  test('stays 400 for malformed JSON and for headers', async () => {
    const { user, path } = await makeTask(api)
    for (const body of ['', '{', 'x', '\ufeff\ufeff{}', new Uint8Array([0x22, 0xff, 0x22])])
      expect(await told('POST', '/api/tasks', { as: user, body, headers: json })).toEqual([
        400,
        'malformed_json',
        'Bad Request',
      ])
    const badHeader = [400, 'invalid_request', 'Bad Request']
    const body = { title: 'A' }
    expect(
      await told('POST', '/api/tasks', { as: user, body, headers: { 'idempotency-key': 'a b' } }),
    ).toEqual(badHeader)
    expect(await told('PUT', path, { as: user, body, headers: { 'if-match': 'x' } })).toEqual(badHeader)
    expect(await told('GET', path, { as: user, headers: { 'if-none-match': 'x' } })).toEqual(badHeader)
  })

  test('changes no other status', async () => {
    const { user, path } = await makeTask(api)
    expect((await send('GET', `${path}000000`, { as: user })).status).toBe(404)
    expect((await send('POST', '/api/tasks', { as: user, body: '{}' })).status).toBe(415)
    expect((await send('DELETE', '/api/tasks', { as: user })).status).toBe(405)
  })
})
