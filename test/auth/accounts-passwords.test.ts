import { describe, expect, test } from 'bun:test'
import { weaknessOf } from '../../src/auth/password.ts'
import {
  describeAccounts,
  newAddress,
  newEmail,
  PASSWORD,
  storeAccount,
  storedUsers,
  WRONG_PASSWORD,
} from '../support/accounts.ts'

const COST_12 = /^\$2b\$12\$[./A-Za-z0-9]{53}$/

describeAccounts('a password', ({ signUp, logIn, engine, logged }) => {
  test('is stored as bcrypt of cost 12 of its NFC form, so that both ways to type it are the same', async () => {
    const email = newEmail()
    const password = 'Ångström-naïve-señor'
    const decomposed = password.normalize('NFD')
    expect(decomposed).not.toBe(password)

    expect((await signUp({ email, password: decomposed })).status).toBe(201)
    const [user] = await storedUsers(engine, email)
    expect(user?.password_hash).toMatch(COST_12)
    expect(await Bun.password.verify(password, user?.password_hash ?? '', 'bcrypt')).toBe(true)
    expect((await logIn({ email, password })).status).toBe(200)
  })

  test('is compared in its NFC form at login', async () => {
    const password = 'Ångström-naïve-señor'
    const { email } = await storeAccount(engine, { password })
    expect((await logIn({ email, password: password.normalize('NFD') })).status).toBe(200)
  })

  test('counts beyond bcrypt’s 72 bytes', async () => {
    const first72 = 'x'.repeat(72)
    const { email } = await storeAccount(engine, { password: `${first72}1` })
    expect((await logIn({ email, password: first72 })).status).toBe(401)
    expect((await logIn({ email, password: `${first72}2` })).status).toBe(401)
    expect((await logIn({ email, password: `${first72}1` })).status).toBe(200)
  })

  test('counts beyond bcrypt’s 72 bytes also when it is chosen at signup', async () => {
    const email = newEmail()
    const first72 = 'y'.repeat(72)
    expect((await signUp({ email, password: `${first72}1` })).status).toBe(201)
    expect((await logIn({ email, password: `${first72}2` })).status).toBe(401)
    expect((await logIn({ email, password: first72 })).status).toBe(401)
    expect((await logIn({ email, password: `${first72}1` })).status).toBe(200)
  })

  test('of just 72 bytes is no beginning of a longer one', async () => {
    for (const first72 of ['z'.repeat(72), '€'.repeat(24)]) {
      const email = newEmail()
      expect((await signUp({ email, password: first72 })).status).toBe(201)
      expect((await logIn({ email, password: `${first72}1` })).status).toBe(401)
      expect((await logIn({ email, password: first72.slice(0, -1) })).status).toBe(401)
      expect((await logIn({ email, password: first72 })).status).toBe(200)
    }
  })

  test.each([
    // By libxcrypt; a password of more than 72 bytes is cut there, and the second one in the middle of a letter.
    ['x'.repeat(75), '$2b$05$CCCCCCCCCCCCCCCCCCCCC.D7RDOYXakZhsFmh/LdqQNx0kQ424AFS'],
    [`a${'€'.repeat(30)}`, '$2b$05$CCCCCCCCCCCCCCCCCCCCC.0kaON/dQJaQgu23UMBaK/OyCTdIMwrm'],
    // A password of just 72 bytes, as version 1.0.0 and others store it.
    ['x'.repeat(72), '$2b$05$CCCCCCCCCCCCCCCCCCCCC.D7RDOYXakZhsFmh/LdqQNx0kQ424AFS'],
  ])('that another program cut off after 72 bytes still works: %s', async (password, hash) => {
    const email = newEmail()
    const { run } = engine.database
    await run(
      (sql) => sql`
        insert into users (id, email, password_hash) values (${crypto.randomUUID()}, ${email}, ${hash})`,
    )
    const wrong = await logIn({ email, password: `!${password}` })
    expect(wrong.status).toBe(401)
    expect((await logIn({ email, password })).status).toBe(200)
    // Stored anew, with all of it.
    expect((await storedUsers(engine, email))[0]?.password_hash).toMatch(COST_12)
    expect((await logIn({ email, password })).status).toBe(200)
    expect((await logIn({ email, password: `${password}!` })).status).toBe(401)
  })

  test('is compared whole and exactly: no case, no white space and no part of it is forgiven', async () => {
    const { email } = await storeAccount(engine)
    const near = ['', ' ', PASSWORD.toUpperCase(), `${PASSWORD} `, ` ${PASSWORD}`, PASSWORD.slice(0, -1)]
    for (const password of near) expect((await logIn({ email, password })).status).toBe(401)
  })

  test('is nowhere: not in an answer, not in the log, not in the database; nor is its hash told', async () => {
    const email = newEmail()
    const secrets = [
      'p4ssw0rd-that-is-secret',
      'another-0ne-that-is-secret',
      'sh0rt-1',
      `${'long-1'.repeat(30)}`,
    ]
    const [password = '', wrong = '', short = '', long = ''] = secrets
    const answers = [
      await signUp({ email, password }),
      await signUp({ email, password }),
      await signUp({ email: 'not an email', password }),
      await signUp({ email, password: short }),
      await signUp({ email, password: long }),
      await signUp({ email, password: [password] }),
      await signUp({ email: { password }, password }),
      await signUp({ email, password: `${password}\0` }),
      await signUp(`{"email":"${email}","password":"${password}"`, {
        headers: { 'content-type': 'application/json' },
      }),
      await signUp(`{"password":"${password}"}`, { headers: { 'content-type': 'text/plain' } }),
      await logIn({ email, password }),
      await logIn({ email, password: wrong }),
      await logIn({ email: password, password: wrong }),
      await logIn({ email, password: { [password]: password } }),
      await logIn({ email: `${password}\0`, password: '\ud800' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([
      201, 409, 400, 400, 400, 400, 400, 400, 400, 415, 200, 401, 401, 400, 400,
    ])

    const [user] = await storedUsers(engine, email)
    const { run } = engine.database
    const stored = await run(
      (sql) => sql`select users::text as row from users union all select rate_limits::text from rate_limits`,
    )
    const told = answers.map(({ headers, text }) => JSON.stringify([...headers]) + text)
    const written = JSON.stringify([told, logged(), stored])
    for (const secret of secrets) expect(written).not.toContain(secret)
    const outside = JSON.stringify([told, logged()])
    expect(outside).not.toContain('password_hash')
    expect(outside).not.toContain('$2b$')
    expect(outside).not.toContain(user?.password_hash ?? 'no hash')
  })
})

describeAccounts('a weak password', ({ signUp, engine }) => {
  const email = newEmail()
  const [localPart = ''] = email.split('@')
  const length = 'must have 8 to 128 characters'
  const common = 'is one of the most common passwords'
  const weak: [what: string, password: string, message: string][] = [
    ['of 7 characters', 'aB3-xY9', length],
    ['of 7 emoji', '🦊🐢🦉🐝🦋🐙🦔', length],
    ['of 7 characters in its NFC form', 'é'.repeat(7).normalize('NFD'), length],
    ['of 129 characters', 'x7-'.repeat(43), length],
    ['that is empty', '', length],
    ['that is only spaces', ' '.repeat(12), 'must not be only white space'],
    ['that is only white space', ' \t\n\u00a0\u2003\u3000 \t', 'must not be only white space'],
    ['that is the email', email, 'must not be the email'],
    ['that is the email in other case', email.toUpperCase(), 'must not be the email'],
    ['that is the local part of the email', localPart, 'must not be the email'],
    ['that is the local part in other case', localPart.toUpperCase(), 'must not be the email'],
    ['that everybody has', 'password', common],
    ['that everybody has, in other case', 'PassWord', common],
    ['that is a run of digits', '123456789', common],
  ]

  for (const [what, password, message] of weak)
    test(`${what} is refused at signup`, async () => {
      const { status, json } = await signUp({ email, password })
      expect(status).toBe(400)
      expect(json).toMatchObject({ code: 'invalid_request', detail: `password ${message}` })
      expect(json.message).toBe(json.detail)
      expect(json.errors).toEqual([{ field: 'password', message }])
      expect(await storedUsers(engine, email)).toEqual([])
    })

  test('is the email also where the email is what has capital letters', async () => {
    for (const password of [email, localPart]) {
      const { status, json } = await signUp({ email: email.toUpperCase(), password })
      expect(status).toBe(400)
      expect(json.errors).toEqual([{ field: 'password', message: 'must not be the email' }])
    }
  })

  test('costs no hash: many are refused in a row, and each counts for the limit', async () => {
    const from = newAddress()
    const statuses = []
    for (let count = 0; count < 21; count++)
      statuses.push((await signUp({ email, password: 'short' }, { from })).status)
    expect(statuses).toEqual([...Array(20).fill(400), 429])
  })
})

describeAccounts(
  'a weak password where invalid bodies are 422',
  ({ signUp }) => {
    test('is 422, and so is an invalid email', async () => {
      expect((await signUp({ email: newEmail(), password: 'short' })).status).toBe(422)
      const answer = await signUp({ email: 'nobody', password: WRONG_PASSWORD })
      expect(answer.status).toBe(422)
      expect(answer.json).toMatchObject({ code: 'invalid_request', title: 'Unprocessable Content' })
    })
  },
  { validationErrorStatus: 422 },
)

describe('the strength of a password', () => {
  const email = 'grace.hopper@example.com'
  const good: Record<string, string> = {
    '8 characters': 'aB3-xY9z',
    '8 emoji': '🦊🐢🦉🐝🦋🐙🦔🐳',
    '8 characters in NFC': 'éàüöñçåø'.normalize('NFC'),
    '128 characters': 'x7-z'.repeat(32),
    '128 emoji': '🦊'.repeat(128),
    'spaces between words': 'tree river cloud',
    'the email with more': `${email}!`,
    'the domain of the email': 'example.com',
    'right-to-left letters and marks': 'סיסמה\u200fטובה',
  }
  for (const [what, password] of Object.entries(good))
    test(`${what}: good`, () => expect(weaknessOf(password, email)).toBeUndefined())

  test('129 emoji: too long', () => expect(weaknessOf('🦊'.repeat(129), email)).toInclude('8 to 128'))
})
