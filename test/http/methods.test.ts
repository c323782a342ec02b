import { expect, test } from 'bun:test'
import { describeApi, newUserId } from '../support/api.ts'
import { expectProblem } from '../support/problem.ts'
import { makeTask } from '../support/task-forms.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']

describeApi('methods', (api) => {
  const { send } = api

  test('that a path does not take are 405, with those that it does in Allow', async () => {
    const { user, path } = await makeTask(api)
    const long = path.replace('/api/', `/api/${user}/`)
    for (const [at, allow] of [
      ['/health', 'GET, HEAD'],
      ['/health/ready', 'GET, HEAD'],
      ['/api/tasks', 'GET, HEAD, POST'],
      [`/api/${user}/tasks`, 'GET, HEAD, POST'],
      [path, 'GET, HEAD, PUT, PATCH, DELETE'],
      [long, 'GET, HEAD, PUT, PATCH, DELETE'],
      [`${path}/complete`, 'PATCH'],
      [`${long}/complete`, 'PATCH'],
      ['/api/auth/signup', 'POST'],
      ['/api/auth/login', 'POST'],
    ] as const)
      for (const method of METHODS.filter((name) => !allow.split(', ').includes(name)))
        for (const slash of ['', '/']) {
          const answer = await send(method, `${at}${slash}`, { as: user })
          expect([method, at, answer.status, answer.headers.get('allow')]).toEqual([method, at, 405, allow])
          if (method === 'HEAD') continue
          expectProblem(answer, {
            status: 405,
            code: 'method_not_allowed',
            detail: 'This resource does not take that method',
            instance: `${at}${slash}`,
          })
        }
  })

  test('405 needs no body, no type and no id that is one', async () => {
    const user = newUserId()
    for (const [method, path] of [
      ['POST', '/api/tasks/x'],
      ['PUT', '/api/tasks'],
      ['PUT', '/api/tasks/0/complete'],
    ] as const) {
      const headers = { 'content-type': 'text/plain' }
      expect((await send(method, path, { as: user, body: '{', headers })).status).toBe(405)
    }
  })

  test('on a path that does not exist are 404, and have no Allow', async () => {
    const user = newUserId()
    for (const path of [
      '/nowhere',
      '/api',
      '/api/x',
      '/api/tasks/1/2',
      '/api/tasks/1/complete/x',
      '/healthy',
      '/api/auth/x',
    ])
      for (const method of METHODS) {
        const answer = await send(method, path, { as: user })
        expect([method, path, answer.status]).toEqual([method, path, 404])
        expect(answer.headers.get('allow')).toBeNull()
      }
  })

  test('HEAD answers as GET does, without the body', async () => {
    const { user, path, etag } = await makeTask(api)
    await makeTask(api, { user })
    for (const [at, headers] of [
      ['/health', {}],
      ['/health/ready', {}],
      ['/api/tasks', {}],
      ['/api/tasks?limit=1', {}],
      ['/api/tasks?limit=0', {}],
      [`/api/${user}/tasks`, {}],
      ['/api/nobody/tasks', {}],
      [path, {}],
      [path, { 'if-none-match': etag }],
      [`${path}0000`, {}],
      ['/api/nowhere', {}],
    ] as [string, Record<string, string>][])
      for (const as of [user, undefined]) {
        const options = { ...(as && { as }), headers: { ...headers, 'x-request-id': 'the-same' } }
        const get = await send('GET', at, options)
        const head = await send('HEAD', at, options)
        expect([at, head.status, head.text]).toEqual([at, get.status, ''])
        const { 'content-length': _, ...others } = Object.fromEntries(head.headers)
        const { 'content-length': __, ...expected } = Object.fromEntries(get.headers)
        expect(others).toEqual(expected)
      }
  })

  test('a trailing slash names the same resource and is answered directly', async () => {
    const { user, path, task } = await makeTask(api)
    const long = path.replace('/api/', `/api/${user}/`)
    for (const list of ['/api/tasks/', `/api/${user}/tasks/`]) {
      expect((await send('GET', list, { as: user })).json).toEqual([task])
      expect((await send('GET', `${list}?limit=1`, { as: user })).json).toEqual([task])
    }
    for (const one of [`${path}/`, `${long}/`]) {
      expect((await send('GET', one, { as: user })).json).toEqual(task)
      expect((await send('PUT', one, { as: user, body: { title: task.title } })).json).toEqual(task)
      expect((await send('PATCH', one, { as: user, body: { title: task.title } })).json).toEqual(task)
      expect((await send('PATCH', `${one}complete/`, { as: user, body: { completed: false } })).json).toEqual(
        task,
      )
    }
    expect((await send('DELETE', `${path}/`, { as: user })).status).toBe(204)
    for (const list of ['/api/tasks/', `/api/${user}/tasks/`])
      expect((await send('POST', list, { as: user, body: { title: 'A' } })).status).toBe(201)
    for (const health of ['/health/', '/health/ready/']) expect((await send('GET', health)).status).toBe(200)
    for (const account of ['/api/auth/signup/', '/api/auth/login/'])
      expect((await send('POST', account)).status).toBe(400)
  })

  test('two trailing slashes do not', async () => {
    const { user, path } = await makeTask(api)
    for (const at of ['/api/tasks//', `${path}//`, '/health//'])
      expect([at, (await send('GET', at, { as: user })).status]).toEqual([at, 404])
  })
})
