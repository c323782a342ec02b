import { describe, expect, test } from 'bun:test'
import { describeApi, newUserId } from '../support/api.ts'
import { answerChecker } from '../support/openapi.ts'

/** The contract's endpoints. */
const TASKS = (prefix: string) => [
  `DELETE ${prefix}/{task_id}`,
  `GET ${prefix}`,
  `GET ${prefix}/{task_id}`,
  `PATCH ${prefix}/{task_id}`,
  `PATCH ${prefix}/{task_id}/complete`,
  `POST ${prefix}`,
  `PUT ${prefix}/{task_id}`,
]
const OTHERS = ['GET /', 'GET /docs', 'GET /health', 'GET /health/ready', 'GET /openapi.json']
const ACCOUNTS = ['POST /api/auth/login', 'POST /api/auth/signup']

const operationsOf = (document: { paths: Record<string, Record<string, { operationId: string }>> }) =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      id: operation.operationId,
    })),
  )

describeApi('GET /openapi.json', ({ app, send }) => {
  test('tells every endpoint at both prefixes, each under an id of its own', async () => {
    const { json } = await send('GET', '/openapi.json')
    const operations = operationsOf(json)
    expect(operations.map(({ name }) => name).sort()).toEqual(
      [...TASKS('/api/tasks'), ...TASKS('/api/{user_id}/tasks'), ...ACCOUNTS, ...OTHERS].sort(),
    )
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length)
  })

  test('tells of every header, parameter and error of an operation', async () => {
    const { json } = await send('GET', '/openapi.json')
    const { parameters, responses } = json.paths['/api/{user_id}/tasks/{task_id}'].patch
    const names = parameters.map(
      (parameter: { name?: string; $ref?: string }) => parameter.name ?? parameter.$ref,
    )
    expect(names).toEqual([
      'user_id',
      'task_id',
      '#/components/parameters/If-Match',
      '#/components/parameters/If-None-Match',
      '#/components/parameters/X-Request-Id',
    ])
    expect(Object.keys(responses)).toEqual([
      '200',
      '400',
      '401',
      '403',
      '404',
      '412',
      '413',
      '415',
      '417',
      '500',
      '503',
      '4XX',
    ])
    expect(Object.keys(responses['400'].content['application/problem+json'].examples)).toEqual([
      'invalid_request',
      'malformed_json',
    ])
  })

  test('tells which operations need a token, and which a body', async () => {
    const { json } = await send('GET', '/openapi.json')
    expect(json.components.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'bearer' })
    type Needs = { security?: object[]; requestBody?: { required?: boolean } }
    const operations = Object.entries<Record<string, Needs>>(json.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, needs]) => ({
        name: `${method.toUpperCase()} ${path}`,
        ...needs,
      })),
    )
    const withToken = operations.filter(({ security = json.security }) => security?.length > 0)
    for (const { security = json.security } of withToken) expect(security).toEqual([{ bearer: [] }])
    const namesOf = (some: typeof operations) => some.map(({ name }) => name).sort()
    const tasks = [...TASKS('/api/tasks'), ...TASKS('/api/{user_id}/tasks')]
    expect(namesOf(withToken)).toEqual(tasks.sort())

    const takingBody = operations.filter(({ requestBody }) => requestBody)
    const optional = takingBody.filter(({ requestBody }) => !requestBody?.required)
    const isComplete = (name: string) => name.endsWith('/complete')
    const writes = tasks.filter((name) => /^(POST|PUT|PATCH)/.test(name))
    expect(namesOf(takingBody)).toEqual([...writes, ...ACCOUNTS].sort())
    expect(namesOf(optional)).toEqual(writes.filter(isComplete).sort())
  })

  test('is asked for again with its entity tag, and sent compressed to who takes that', async () => {
    const first = await send('GET', '/openapi.json')
    const etag = first.headers.get('etag') ?? ''
    expect((await send('GET', '/openapi.json', { headers: { 'if-none-match': etag } })).status).toBe(304)

    const request = new Request('http://localhost/openapi.json', {
      headers: { 'accept-encoding': 'br, gzip' },
    })
    const zipped = await app.handle(request)
    expect(zipped.headers.get('content-encoding')).toBe('gzip')
    expect(zipped.headers.get('vary')).toBe('Origin, Accept-Encoding')
    expect(Buffer.from(Bun.gunzipSync(await zipped.arrayBuffer())).toString()).toBe(first.text)

    const refusing = new Request('http://localhost/openapi.json', {
      headers: { 'accept-encoding': 'gzip;q=0' },
    })
    expect((await app.handle(refusing)).headers.get('content-encoding')).toBe(null)
  })

  test('an answer that is not as in the document fails its test', async () => {
    const check = await answerChecker(app, { version: '0', validationErrorStatus: 400 })
    const user = newUserId()
    const good = await send('POST', '/api/tasks', { as: user, body: { title: 'Buy milk' } })
    const request = new Request('http://localhost/api/tasks', { method: 'POST' })
    const withHeader = (name: string, value?: string) => {
      const headers = new Headers(good.headers)
      if (value === undefined) headers.delete(name)
      else headers.set(name, value)
      return { ...good, headers }
    }

    expect(() => check(request, good)).not.toThrow()
    expect(() => check(request, { ...good, status: 202 })).toThrow('no such status')
    expect(() => check(request, { ...good, json: { ...good.json, id: '1' } })).toThrow('/id must be integer')
    expect(() => check(request, { ...good, json: { ...good.json, more: 1 } })).toThrow(
      'additional properties',
    )
    expect(() => check(request, withHeader('x-more', '1'))).toThrow('x-more is not documented')
    expect(() => check(request, withHeader('location'))).toThrow('Location is missing')
    expect(() => check(request, withHeader('etag', '1'))).toThrow('ETag is not as documented')
    expect(() => check(request, withHeader('content-type', 'text/plain'))).toThrow(
      'text/plain is not documented',
    )
    expect(() => check(new Request('http://localhost/else'), good)).toThrow('no such status')
  })
})

describe('the OpenAPI document by configuration', () => {
  describeApi(
    'with DELETE_STATUS=200 and VALIDATION_ERROR_STATUS=422',
    ({ send }) => {
      test('tells these statuses', async () => {
        const { json } = await send('GET', '/openapi.json')
        const { delete: remove, put } = json.paths['/api/tasks/{task_id}']
        expect(Object.keys(remove.responses)).toEqual([
          '200',
          '400',
          '401',
          '404',
          '412',
          '413',
          '415',
          '417',
          '422',
          '500',
          '503',
          '4XX',
        ])
        expect(
          put.responses['422'].content['application/problem+json'].examples.invalid_request.value,
        ).toMatchObject({ status: 422, title: 'Unprocessable Content' })
      })

      test('and the answers are so', async () => {
        const user = newUserId()
        const { json } = await send('POST', '/api/tasks', { as: user, body: { title: 'Buy milk' } })
        expect((await send('DELETE', `/api/tasks/${json.id}`, { as: user })).json).toEqual({
          message: 'Task deleted',
        })
        expect((await send('GET', '/api/tasks/x', { as: user })).status).toBe(422)
      })
    },
    { deleteStatus: 200, validationErrorStatus: 422 },
  )
})
