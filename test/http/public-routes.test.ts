import { expect, test } from 'bun:test'
import type { Database } from '../../src/db/database.ts'
import { apiOn, describeApi, newUserId, SECRET, tokenFor } from '../support/api.ts'
import { signToken } from '../support/token.ts'

/** What answers without a token. A route that is not here must not. */
const PUBLIC = [
  'GET /',
  'GET /health',
  'GET /health/ready',
  'GET /docs',
  'GET /docs/assets/:file',
  'GET /openapi.json',
  'POST /api/auth/signup',
  'POST /api/auth/login',
  'ALL /api/auth/signup',
  'ALL /api/auth/login',
]

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']

describeApi('without a valid token', ({ app, engine, send }) => {
  /** A request for each route that is not public, with each way to fill in its parameters. */
  const guarded = app.routes
    .filter(({ method, path }) => !PUBLIC.includes(`${method} ${path}`))
    .flatMap(({ method, path }) =>
      ['1', newUserId(), '%00', 'x'].flatMap((value) => {
        const filled = path.replace(/:\w+/g, value).replace('*', `${value}/${value}`)
        return (method === 'ALL' ? METHODS : [method]).map((one) => [one, filled] as const)
      }),
    )
    .filter(([, path]) => !/^\/api\/auth\/(signup|login)\/?$/.test(path))

  const nowSeconds = Math.floor(Date.now() / 1000)
  const claims = { sub: newUserId(), exp: nowSeconds + 3600 }
  const credentials: Record<string, string | undefined> = {
    'no token': undefined,
    'an empty one': 'Bearer ',
    'another scheme': `Basic ${tokenFor(claims.sub)}`,
    'text that is no token': 'Bearer x',
    'an expired one': `Bearer ${signToken({ ...claims, exp: nowSeconds - 3600 }, SECRET)}`,
    'one signed with another secret': `Bearer ${signToken(claims, `${SECRET}x`)}`,
    'one that does not expire': `Bearer ${signToken({ sub: claims.sub }, SECRET)}`,
    'one without a user': `Bearer ${signToken({ exp: claims.exp }, SECRET)}`,
  }

  test('the routes of tasks are among those that are guarded', () => {
    const paths = new Set(app.routes.map(({ method, path }) => `${method} ${path}`))
    for (const prefix of ['/api/tasks', '/api/:user_id/tasks'])
      for (const route of [
        `GET ${prefix}`,
        `POST ${prefix}`,
        `GET ${prefix}/:task_id`,
        `PUT ${prefix}/:task_id`,
        `PATCH ${prefix}/:task_id`,
        `PATCH ${prefix}/:task_id/complete`,
        `DELETE ${prefix}/:task_id`,
      ]) {
        expect(paths).toContain(route)
        expect(PUBLIC).not.toContain(route)
      }
  })

  for (const [name, authorization] of Object.entries(credentials))
    test(`every route that is not on the list of public ones answers 401 to ${name}`, async () => {
      for (const [method, path] of guarded) {
        const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
        const answer = await send(method, path, { headers })
        expect([method, path, answer.status]).toEqual([method, path, 401])
        expect(answer.headers.get('www-authenticate')).toStartWith('Bearer')
      }
    })

  /** The app on a database that counts what it is asked. */
  const countingApi = () => {
    let statements = 0
    const database: Database = {
      ...engine.database,
      run(statement) {
        statements += 1
        return engine.database.run(statement)
      },
    }
    return { ...apiOn(engine, {}, { database }), statements: () => statements }
  }

  test('no database query runs', async () => {
    const api = countingApi()
    for (const authorization of Object.values(credentials))
      for (const [method, path] of guarded) {
        const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
        const body = method === 'GET' || method === 'HEAD' ? undefined : { title: 'A' }
        expect((await api.send(method, path, { body, headers })).status).toBe(401)
      }
    expect(api.statements()).toBe(0)
    await api.send('GET', '/api/tasks', { as: newUserId() })
    expect(api.statements()).toBe(1)
  })

  test('nor does one run for another user’s path', async () => {
    const api = countingApi()
    for (const [method, path] of [
      ['GET', '/api/nobody/tasks'],
      ['POST', '/api/nobody/tasks'],
      ['GET', '/api/nobody/tasks/1'],
      ['DELETE', '/api/nobody/tasks/1'],
    ] as const)
      expect((await api.send(method, path, { as: newUserId() })).status).toBe(403)
    expect(api.statements()).toBe(0)
  })

  test('a path under /api that does not exist is 401, and 404 with one', async () => {
    for (const path of [
      '/api',
      '/api/',
      '/api/x',
      '/api/tasks/1/x',
      '/api/auth',
      '/api/auth/logout',
      '/api/x/y/z',
    ])
      for (const method of METHODS) {
        expect([method, path, (await send(method, path)).status]).toEqual([method, path, 401])
        const as = newUserId()
        expect([method, path, (await send(method, path, { as })).status]).toEqual([method, path, 404])
      }
  })
})

describeApi('signup and login where they do not exist', ({ engine }) => {
  test('are 404, also without a token', async () => {
    const { send } = apiOn(engine, {}, { accounts: undefined })
    for (const path of ['/api/auth/signup', '/api/auth/login'])
      for (const method of METHODS)
        for (const options of [{}, { as: newUserId() }])
          expect([method, path, (await send(method, path, options)).status]).toEqual([method, path, 404])
  })
})
