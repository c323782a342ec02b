import { expect, test } from 'bun:test'
import { claimsOf, describeAccounts, newEmail, PASSWORD, storeAccount } from '../support/accounts.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}Z$/
const DAY_SECONDS = 86_400

describeAccounts('a session', ({ send, signUp, logIn, engine }) => {
  test('of signup has a token, its life and the user, whose id is a UUID; the token is good for the API', async () => {
    const email = newEmail()
    const { status, json, headers } = await signUp({ email, password: PASSWORD })

    expect(status).toBe(201)
    expect(json).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: DAY_SECONDS,
      user: { id: expect.stringMatching(UUID), email, created_at: expect.stringMatching(TIME) },
    })
    expect(headers.get('content-type')).toBe('application/json')
    expect(headers.get('cache-control')).toBe('no-store')

    const header = Buffer.from(json.access_token.split('.')[0], 'base64url').toString()
    expect(JSON.parse(header)).toEqual({ alg: 'HS256', typ: 'JWT' })
    const { iat, exp, ...rest } = claimsOf(json.access_token)
    // No email: Better Auth takes any token of the shared secret that has one for a proof of that address.
    expect(rest).toEqual({ sub: json.user.id })
    expect(iat).toBeNumber()
    expect(exp).toBe((iat as number) + DAY_SECONDS)
    expect(Math.abs(Date.now() / 1000 - (iat as number))).toBeLessThan(60)

    const authorization = `Bearer ${json.access_token}`
    const task = await send('POST', '/api/tasks', { headers: { authorization }, body: { title: 'First' } })
    expect(task.status).toBe(201)
    expect(task.json.user_id).toBe(json.user.id)
    const listed = await send('GET', `/api/${json.user.id}/tasks`, { headers: { authorization } })
    expect(listed.json).toEqual([task.json])
  })

  test('of login is like that of signup, for the same user', async () => {
    const { id, email } = await storeAccount(engine)
    const { status, json } = await logIn({ email, password: PASSWORD })

    expect(status).toBe(200)
    expect(json).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: DAY_SECONDS,
      user: { id, email, created_at: expect.stringMatching(TIME) },
    })
    const { iat: _, exp: __, ...claims } = claimsOf(json.access_token)
    expect(claims).toEqual({ sub: id })
    const tasks = await send('GET', '/api/tasks', {
      headers: { authorization: `Bearer ${json.access_token}` },
    })
    expect(tasks.status).toBe(200)
  })

  test('has the email as it was typed at signup, whatever its case at login', async () => {
    const email = `Mixed.${newEmail()}`
    await storeAccount(engine, { email })
    const body = { email: email.toUpperCase(), password: PASSWORD }
    // A trailing slash names the same resource, and is no reason for a redirect.
    const { status, json } = await send('POST', '/api/auth/login/', { body })
    expect(status).toBe(200)
    expect(json.user.email).toBe(email)
  })

  test('does not depend on fields that a client may not set', async () => {
    const email = newEmail()
    const id = crypto.randomUUID()
    const answer = await signUp({
      email,
      password: PASSWORD,
      id,
      sub: id,
      is_admin: true,
      name: 'Ada',
      password_hash: 'x',
      created_at: '2001-01-01T00:00:00Z',
      ['__proto__']: { email: 'other@example.com' },
    })
    expect(answer.status).toBe(201)
    expect(Object.keys(answer.json.user)).toEqual(['id', 'email', 'created_at'])
    expect(answer.json.user.id).not.toBe(id)
    expect(answer.json.user.created_at).not.toStartWith('2001')
    expect(claimsOf(answer.json.access_token)).not.toHaveProperty('is_admin')
  })
})

describeAccounts(
  'a session where issuer, audience and life are configured',
  ({ send, logIn, engine }) => {
    test('has them in its token, which the API accepts', async () => {
      const { email } = await storeAccount(engine)
      const { json } = await logIn({ email, password: PASSWORD })

      expect(json.expires_in).toBe(90)
      const claims = claimsOf(json.access_token)
      expect(claims).toMatchObject({ iss: 'https://issuer.example', aud: 'https://api.example' })
      expect(claims.exp).toBe((claims.iat as number) + 90)
      const authorization = `Bearer ${json.access_token}`
      expect((await send('GET', '/api/tasks', { headers: { authorization } })).status).toBe(200)
    })
  },
  { jwtIssuer: 'https://issuer.example', jwtAudience: 'https://api.example', tokenTtlSeconds: 90 },
)
