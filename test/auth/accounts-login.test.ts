import { afterEach, describe, expect, mock, spyOn, test } from 'bun:test'
import { userRepository } from '../../src/auth/repository.ts'
import { unavailable } from '../../src/errors.ts'
import {
  accountsOn,
  describeAccounts,
  newAddress,
  newEmail,
  PASSWORD,
  storeAccount,
  storedUsers,
  WRONG_PASSWORD,
} from '../support/accounts.ts'
import { type Answer, newUserId } from '../support/api.ts'
import { type Engine, engines } from '../support/engines.ts'

/** An answer without what differs from one request to the next. */
const comparable = ({ status, headers, json }: Answer) => {
  const { request_id, ...body } = json
  expect(request_id).toBe(headers.get('x-request-id'))
  return { status, headers: [...headers].filter(([name]) => name !== 'x-request-id'), body }
}

describeAccounts('a failed login', ({ send, logIn, engine, logged }) => {
  test('is the same answer, byte for byte, for an unknown email, a wrong password and a user without one', async () => {
    const { email } = await storeAccount(engine)
    const tokenUser = newUserId()
    await send('POST', '/api/tasks', { as: tokenUser, body: { title: 'Makes the user' } })
    const headers = { origin: 'http://localhost:3000' }

    const wrong = await logIn({ email, password: WRONG_PASSWORD }, { headers })
    expect(comparable(wrong)).toEqual({
      status: 401,
      headers: expect.any(Array),
      body: {
        type: 'about:blank',
        title: 'Unauthorized',
        status: 401,
        code: 'invalid_credentials',
        detail: 'Invalid email or password',
        message: 'Invalid email or password',
        instance: '/api/auth/login',
      },
    })
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer')
    for (const other of [newEmail(), tokenUser]) {
      const answer = await logIn({ email: other, password: WRONG_PASSWORD }, { headers })
      expect(comparable(answer)).toEqual(comparable(wrong))
      expect(answer.text).toHaveLength(wrong.text.length)
    }
  })

  test('leaves the same line in the log whatever the reason was, with no email in it', async () => {
    const { email } = await storeAccount(engine)
    const before = logged().length
    await logIn({ email, password: WRONG_PASSWORD })
    await logIn({ email: newEmail(), password: WRONG_PASSWORD })
    const lines = logged().slice(before)
    const [wrong, unknown] = lines.map(({ time, request_id, duration_ms, ...line }) => line)
    expect(wrong).toEqual({
      level: 'info',
      message: 'request',
      method: 'POST',
      route: '/api/auth/login',
      status: 401,
      code: 'invalid_credentials',
      reason: 'unknown email or wrong password',
    })
    expect(unknown).toEqual(wrong)
    expect(lines).toHaveLength(2)
  })

  test('of a user known only from a token cannot be turned into a success by any empty value', async () => {
    const { run } = engine.database
    const email = newEmail()
    await run((sql) => sql`insert into users (id, email) values (${newUserId()}, ${email})`)
    for (const password of ['', 'null']) expect((await logIn({ email, password })).status).toBe(401)
    // Not even if what stands in for a hash were the right one.
    const verify = spyOn(Bun.password, 'verify').mockResolvedValueOnce(true)
    expect((await logIn({ email, password: PASSWORD })).status).toBe(401)
    verify.mockRestore()
    expect((await storedUsers(engine, email))[0]?.password_hash).toBeNull()
  })
})

/** The engine, and the statements that an app on it runs. */
const watched = (engine: Engine): { engine: Engine; statements: string[] } => {
  const statements: string[] = []
  const { database } = engine
  const run: typeof database.run = (statement) =>
    database.run((sql) => {
      const query = statement(sql)
      const { strings } = query as unknown as { strings: string[] }
      statements.push(strings.join('?').replaceAll(/\s+/g, ' ').trim())
      return query
    })
  return { engine: { ...engine, database: { ...database, run } }, statements }
}

for (const real of engines())
  describe(`the work of a failed login (${real.name})`, () => {
    afterEach(() => {
      mock.restore()
    })

    test('is the same for an unknown email and a wrong password: one comparison of cost 12, the same statements', async () => {
      const { engine, statements } = watched(real)
      const { logIn } = accountsOn(engine)
      const { email } = await storeAccount(real, { cost: 12 })
      const verify = spyOn(Bun.password, 'verify')
      const hash = spyOn(Bun.password, 'hash')

      const work = async (body: { email: string; password: string }) => {
        statements.length = 0
        verify.mockClear()
        expect((await logIn(body)).status).toBe(401)
        return { statements: [...statements], compared: verify.mock.calls.map(([, stored]) => stored) }
      }
      const known = await work({ email, password: WRONG_PASSWORD })
      const unknown = await work({ email: newEmail(), password: WRONG_PASSWORD })

      expect(known.compared).toHaveLength(1)
      expect(unknown.compared).toHaveLength(1)
      for (const stored of [...known.compared, ...unknown.compared]) expect(stored).toMatch(/^\$2b\$12\$/)
      expect(
        known.statements.filter((statement) => statement.includes('password_hash is not null')),
      ).toHaveLength(1)
      expect(unknown.statements).toEqual(known.statements)
      expect(hash).not.toHaveBeenCalled()
    })
  })

describeAccounts('a stored hash', ({ logIn, engine }) => {
  test('that is cheaper is replaced at the next right login, once, and the password still works', async () => {
    const { id, email } = await storeAccount(engine, { cost: 4 })
    const stored = async () => (await storedUsers(engine, email))[0]?.password_hash
    const cheap = await stored()

    expect((await logIn({ email, password: WRONG_PASSWORD })).status).toBe(401)
    expect(await stored()).toBe(cheap)

    const from = newAddress()
    const first = await logIn({ email, password: PASSWORD }, { from })
    expect(first.status).toBe(200)
    expect(first.json.user.id).toBe(id)
    const strong = await stored()
    expect(strong).toMatch(/^\$2b\$12\$/)

    expect((await logIn({ email, password: PASSWORD }, { from })).status).toBe(200)
    expect(await stored()).toBe(strong)
    expect((await logIn({ email, password: WRONG_PASSWORD }, { from })).status).toBe(401)
  })

  test('stays when there is no time to replace it, and the login succeeds', async () => {
    const { email } = await storeAccount(engine, { cost: 4 })
    const [before] = await storedUsers(engine, email)
    const hash = spyOn(Bun.password, 'hash').mockRejectedValue(unavailable('no time'))
    expect((await logIn({ email, password: PASSWORD })).status).toBe(200)
    hash.mockRestore()
    expect(await storedUsers(engine, email)).toEqual(before ? [before] : [])
    expect((await logIn({ email, password: PASSWORD })).status).toBe(200)
    expect((await storedUsers(engine, email))[0]?.password_hash).toMatch(/^\$2b\$12\$/)
  })

  test('is not replaced when it was changed meanwhile: a new password would be lost', async () => {
    const { id, email } = await storeAccount(engine, { cost: 4 })
    const users = userRepository(engine.database)
    const [before] = await storedUsers(engine, email)
    await users.replaceHash(id, 'the hash of another time', 'a new hash')
    expect(await storedUsers(engine, email)).toEqual(before ? [before] : [])
    await users.replaceHash(id, before?.password_hash ?? '', 'a new hash')
    expect((await storedUsers(engine, email))[0]?.password_hash).toBe('a new hash')
  })

  test('that another implementation of bcrypt wrote works', async () => {
    const { run } = engine.database
    const email = newEmail()
    // "U*U" of cost 5, from the test vectors of crypt_blowfish.
    const hash = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
    await run(
      (sql) => sql`insert into users (id, email, password_hash) values (${newUserId()}, ${email}, ${hash})`,
    )
    expect((await logIn({ email, password: 'U*U' })).status).toBe(200)
    expect((await storedUsers(engine, email))[0]?.password_hash).toMatch(/^\$2b\$12\$/)
  })
})
