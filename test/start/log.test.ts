import { describe, expect, test } from 'bun:test'
import { createLog, LOG_LEVELS, type LogLevel } from '../../src/log.ts'
import { apiOn, describeApi, newUserId, SECRET, tokenFor } from '../support/api.ts'
import { engines } from '../support/engines.ts'

/** The log: what stands in it, and what never does. */

const AT = Date.UTC(2026, 1, 1, 9, 30, 0, 123)

const recorder = (level: LogLevel, format: 'json' | 'text') => {
  let written = ''
  const log = createLog({ level, format, now: () => AT, write: (chunk) => (written += chunk) })
  return {
    log,
    lines() {
      log.flush()
      return written.split('\n').slice(0, -1)
    },
  }
}

describe('a line of the log', () => {
  test('is one JSON object with its time, level, message and fields', () => {
    const { log, lines } = recorder('info', 'json')
    log.info('request', { method: 'GET', status: 200, user_id: undefined })
    expect(lines()).toEqual([
      '{"time":"2026-02-01T09:30:00.123Z","level":"info","message":"request","method":"GET","status":200}',
    ])
  })

  test('is readable in a terminal', () => {
    const { log, lines } = recorder('info', 'text')
    log.info('request', { method: 'GET', route: '/api/tasks', user: 'a b', none: undefined })
    expect(lines()).toEqual(['09:30:00.123 INFO  request method=GET route=/api/tasks user="a b"'])
  })

  test('stays one line, whatever a value holds', () => {
    for (const format of ['json', 'text'] as const) {
      const { log, lines } = recorder('info', format)
      log.info('request', { user: 'a\nb\r\n09:30:00.123 INFO  forged', other: 'x\u2028y="z"' })
      expect(lines()).toHaveLength(1)
    }
  })

  test('has nothing in a terminal that cannot be seen or turns its direction', () => {
    for (const hidden of [
      '\u2028',
      '\u2029',
      '\u202e',
      '\u200b',
      '\u001b[31m',
      '\u0085',
      '\ufeff',
      '\ud800',
      '\u{e0001}',
    ]) {
      const { log, lines } = recorder('debug', 'text')
      log.debug(`a notice ${hidden}`, { user_id: `x${hidden}y`, stack: `Error: ${hidden}\n    at z` })
      expect(lines()).toHaveLength(3)
      expect(lines().join('')).not.toMatch(/[\p{C}\u2028\u2029]/u)
      expect(lines()[0]).toContain('\\u')
    }
  })

  test('is written without another that follows it', async () => {
    const written = await new Promise((write) =>
      createLog({ level: 'info', format: 'text', write }).info('alone'),
    )
    expect(written).toEndWith(' INFO  alone\n')
  }, 15_000)

  test.each([...LOG_LEVELS])('is written from level %s up', (level) => {
    const { log, lines } = recorder(level, 'text')
    log.debug('debug')
    log.info('info')
    log.warn('warn')
    log.error('error')
    const written = lines().map((line) => line.split(' ').at(-1))
    expect(written).toEqual(['debug', 'info', 'warn', 'error'].slice(LOG_LEVELS.indexOf(level)))
  })

  const token = tokenFor('alice')
  const credentials: [string, string, string[]][] = [
    ['a database URL', 'postgresql://app:pass-word@db.example.com/todo failed', ['app', 'pass-word']],
    ['a password with an at sign', 'postgres://app:p@ss-word@db.example.com/todo', ['ss-word']],
    ['a password with a slash', 'postgres://app:pa/ss-word@db.example.com/todo', ['pa/', 'ss-word']],
    ['the URL of a key set', 'GET https://user:pass-word@issuer.example.com/jwks', ['user', 'pass-word']],
    ['a user without a password', 'redis://only-user@cache.example.com', ['only-user']],
    ['a token', `verify(${token})`, token.split('.')],
    ['a token after its scheme', `Authorization: Bearer ${token}`, token.split('.')],
    ['any bearer token', 'authorization: bearer s3cr3t-value', ['s3cr3t-value']],
  ]

  test.each(credentials)('has no credentials in a warning or an error: %s', (_what, text, secrets) => {
    for (const format of ['json', 'text'] as const)
      for (const level of ['warn', 'error'] as const) {
        const { log, lines } = recorder('debug', format)
        log[level](text, { reason: text, stack: `Error: ${text}\n    at somewhere` })
        const written = lines().join('\n')
        for (const secret of secrets) expect(written).not.toContain(secret)
        expect(written).toContain('[redacted]')
      }
  })

  test.each(['a.', 'x://', 'eyJ-', 'eyJ.', 'Bearer ', 'file://', '"://', "'@"])(
    'is written as fast however much somebody else says of %p',
    (part) => {
      const { log, lines } = recorder('debug', 'text')
      // Seconds for a search that looks at each part again for each other.
      log.error(part.repeat(1_000_000))
      expect(lines()).toHaveLength(1)
    },
    5000,
  )

  test('keeps what is none: a URL without credentials, an address, a path', () => {
    const { log, lines } = recorder('info', 'text')
    log.error('cannot reach https://issuer.example.com/jwks for alice@example.com (file:///app/@scope/x.ts)')
    expect(lines()[0]).toEndWith(
      'cannot reach https://issuer.example.com/jwks for alice@example.com (file:///app/@scope/x.ts)',
    )
  })
})

describeApi('the access log', (api) => {
  const { send } = api
  /** The lines of one request. */
  const linesOf = (id: string) => api.logged().filter(({ request_id }) => request_id === id)

  test('has one line for each request, with method, route, status, time, id and user', async () => {
    const user = newUserId()
    const created = await send('POST', '/api/tasks', {
      as: user,
      body: { title: 'x' },
      headers: { 'x-request-id': `${user}-post` },
    })
    await send('GET', `/api/tasks/${created.json.id}?secret=in-the-query`, {
      as: user,
      headers: { 'x-request-id': `${user}-get` },
    })
    const [line, ...more] = linesOf(`${user}-get`)
    expect(more).toEqual([])
    expect(line).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: 'info',
      message: 'request',
      method: 'GET',
      route: '/api/tasks/:task_id',
      status: 200,
      duration_ms: expect.any(Number),
      request_id: `${user}-get`,
      user_id: user,
    })
    expect(linesOf(`${user}-post`)).toMatchObject([{ method: 'POST', route: '/api/tasks', status: 201 }])
  })

  test('has a line for a request that is refused, with the code and without a user', async () => {
    const id = newUserId()
    await send('DELETE', '/api/tasks/1', { headers: { 'x-request-id': id } })
    expect(linesOf(id)).toMatchObject([
      { level: 'info', method: 'DELETE', status: 401, code: 'unauthenticated', reason: 'no bearer token' },
    ])
    expect(linesOf(id)[0]).not.toHaveProperty('user_id')
  })

  test('has a line for a request that no route takes, without the text of its path', async () => {
    const id = newUserId()
    await send('GET', '/no/such/path-with-a-secret', { headers: { 'x-request-id': id } })
    expect(linesOf(id)).toMatchObject([{ method: 'GET', status: 404, code: 'not_found' }])
    expect(JSON.stringify(linesOf(id))).not.toContain('secret')
  })

  test('has nothing of bodies, queries and headers', async () => {
    const user = newUserId()
    const hidden = { title: 'hidden-title', description: 'hidden-description' }
    const headers = {
      'idempotency-key': 'hidden-key',
      cookie: 'session=hidden-cookie',
      'x-secret': 'hidden-header',
    }
    await send('POST', '/api/tasks?q=hidden-query', { as: user, body: hidden, headers })
    await send('POST', '/api/tasks', { as: user, body: { title: 7, description: 'hidden-description' } })
    await send('POST', '/api/tasks', {
      as: user,
      body: '{"title":"hidden-title"',
      headers: { 'content-type': 'application/json' },
    })
    await send('POST', '/api/auth/signup', { body: { email: 'hidden', password: 'hidden-password' } })
    await send('POST', '/api/auth/login', {
      body: { email: 'hidden@example.com', password: 'hidden-password' },
    })
    await send('GET', `/api/${encodeURIComponent('hidden-user')}/tasks`, { as: user })
    const log = JSON.stringify(api.logged())
    expect(log).not.toContain('hidden')
    expect(log).not.toContain(SECRET)
    expect(log).not.toContain('eyJ')
  })
})

describe('a defect', () => {
  test('is logged once with its stack, and told to nobody', async () => {
    const [engine] = engines()
    if (!engine) throw new Error('no database was started')
    const broken = {
      ...engine,
      database: {
        ...engine.database,
        run: () => {
          throw new Error('a defect near postgresql://app:pass-word@db.example.com/todo')
        },
      },
    }
    const api = apiOn(broken)
    const id = newUserId()
    const answer = await api.send('GET', '/api/tasks', { as: 'alice', headers: { 'x-request-id': id } })
    expect(answer.status).toBe(500)
    expect(answer.json).toMatchObject({ code: 'internal', detail: 'Internal Server Error' })
    expect(answer.text).not.toContain('defect')
    const lines = api.logged().filter(({ request_id }) => request_id === id)
    expect(lines).toMatchObject([
      { level: 'error', message: 'internal error', stack: expect.stringContaining('a defect near') },
      { level: 'warn', message: 'request', status: 500, code: 'internal' },
    ])
    expect(JSON.stringify(lines)).not.toContain('pass-word')
  })
})
