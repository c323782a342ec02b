import { describe, expect, test } from 'bun:test'
import { createMetrics } from '../../src/http/metrics.ts'
import { apiOn, describeApi, newUserId } from '../support/api.ts'
import { expectProblem } from '../support/problem.ts'
import { makeTask } from '../support/task-forms.ts'

const TOKEN = 'only-for-tests-only-for-tests-00'

const metricsWith = (
  databaseStats = () => ({ running: 3, waiting: 4, refused: 5, expired: 6 }),
  tokenCounts = { remembered: 1, verified: 2, expired: 3, invalid: 4, unavailable: 5 },
) => createMetrics({ token: TOKEN, databaseStats, tokenCounts })

describeApi('GET /metrics', ({ engine }) => {
  const measured = () => {
    const api = apiOn(engine, {}, { metrics: metricsWith() })
    const read = () => api.send('GET', '/metrics', { headers: { authorization: `Bearer ${TOKEN}` } })
    /** The lines that begin with a name. */
    const lines = async (name: string) =>
      (await read()).text.split('\n').filter((line) => line.startsWith(name))
    return { api, read, lines }
  }

  test('is for nobody but who has the token', async () => {
    const { api, read } = measured()
    const user = newUserId()
    for (const options of [
      {},
      { as: user },
      ...[
        'Bearer',
        'Bearer ',
        'Bearer x',
        `Bearer ${TOKEN}0`,
        `Bearer ${TOKEN.slice(1)}`,
        TOKEN,
        `Basic ${TOKEN}`,
      ].map((authorization) => ({ headers: { authorization } })),
    ]) {
      const answer = await api.send('GET', '/metrics', options)
      expectProblem(answer, {
        status: 401,
        code: 'unauthenticated',
        detail: 'Missing bearer token',
        instance: '/metrics',
      })
      expect(answer.text).not.toInclude('http_request')
    }
    const answer = await read()
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toStartWith('text/plain; version=0.0.4')
  })

  test('is not there when nothing is measured', async () => {
    const answer = await apiOn(engine).send('GET', '/metrics', {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    expect(answer.status).toBe(404)
  })

  test('counts requests by method, the route’s template and status, and by nothing a client can choose', async () => {
    const { api, read, lines } = measured()
    const { path, user } = await makeTask(api)
    const secret = 'a-path-of-somebodys'
    for (const [method, at, as] of [
      ['GET', path, user],
      ['GET', `/api/${user}/tasks/999999999`, user],
      ['GET', `/api/${secret}/tasks`, user],
      ['GET', `/api/tasks/${secret}`, user],
      ['GET', `/api/tasks?${secret}=${secret}`, user],
      ['GET', `/api/${secret}`, user],
      ['GET', `/${secret}`, undefined],
      ['POST', `/${secret}/${secret}`, undefined],
      ['GET', `/docs/assets/${secret}`, undefined],
      ['GET', '/api/tasks', undefined],
    ] as const)
      await api.send(method, at, as === undefined ? {} : { as })
    const { text } = await read()
    expect(text).not.toInclude(user)
    expect(text).not.toInclude(secret)
    const counts = (await lines('http_request_duration_seconds_count')).map((line) =>
      line.replace('http_request_duration_seconds_count', ''),
    )
    for (const expected of [
      '{method="POST",route="/api/tasks",status="201"} 1',
      '{method="GET",route="/api/tasks/:task_id",status="200"} 1',
      '{method="GET",route="/api/:user_id/tasks/:task_id",status="404"} 1',
      '{method="GET",route="/api/:user_id/tasks",status="403"} 1',
      '{method="GET",route="/api/tasks/:task_id",status="400"} 1',
      '{method="GET",route="/api/tasks",status="200"} 1',
      '{method="GET",route="/api/tasks",status="401"} 1',
    ])
      expect(counts).toContain(expected)
  })

  test('has no label of a method that a client made up', async () => {
    const { api, read } = measured()
    await api.send('MADEUP', '/api/tasks')
    expect((await read()).text).not.toInclude('MADEUP')
  })
})

describe('metrics', () => {
  const textOf = async (metrics: ReturnType<typeof createMetrics>) => {
    const request = new Request('http://localhost/metrics', { headers: { authorization: `Bearer ${TOKEN}` } })
    return (await metrics.routes.handle(request)).text()
  }

  test('give durations in seconds', async () => {
    const metrics = metricsWith()
    metrics.observe('GET', '/api/tasks', 200, 250)
    const text = await textOf(metrics)
    const labels = 'method="GET",route="/api/tasks",status="200"'
    expect(text).toInclude(`http_request_duration_seconds_sum{${labels}} 0.25\n`)
    expect(text).toInclude(`http_request_duration_seconds_bucket{le="0.1",${labels}} 0\n`)
    expect(text).toInclude(`http_request_duration_seconds_bucket{le="0.25",${labels}} 1\n`)
    const bounds = Array.from(text.matchAll(/_bucket\{le="([^"]+)"/g), ([, bound]) => Number(bound))
    expect(bounds).toEqual([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, Number.NaN])
  })

  test('tell of the database’s queue, and of tokens, as they are at each reading', async () => {
    const stats = { running: 3, waiting: 4, refused: 5, expired: 6 }
    const counts = { remembered: 1, verified: 2, expired: 3, invalid: 4, unavailable: 5 }
    const metrics = metricsWith(() => stats, counts)
    await textOf(metrics)
    stats.waiting = 40
    counts.invalid = 41
    const text = await textOf(metrics)
    for (const line of [
      'database_statements{state="running"} 3',
      'database_statements{state="waiting"} 40',
      'database_statements_failed_total{reason="queue_full"} 5',
      'database_statements_failed_total{reason="deadline"} 6',
      'token_verifications_total{result="remembered"} 1',
      'token_verifications_total{result="verified"} 2',
      'token_verifications_total{result="expired"} 3',
      'token_verifications_total{result="invalid"} 41',
      'token_verifications_total{result="unavailable"} 5',
    ])
      expect(text).toInclude(`${line}\n`)
    for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds'])
      expect(text).toMatch(new RegExp(`^${name} \\d`, 'm'))
  })
})
