import { afterEach, expect, setSystemTime, spyOn, test } from 'bun:test'
import {
  type AccountApi,
  describeAccounts,
  newAddress,
  newEmail,
  PASSWORD,
  storeAccount,
  WRONG_PASSWORD,
} from '../support/accounts.ts'

const FAILURES = 10
const WINDOW_MS = 15 * 60_000

afterEach(() => {
  setSystemTime()
})

const failTimes = async (
  { logIn }: Pick<AccountApi, 'logIn'>,
  times: number,
  email: string,
  from: string,
) => {
  const statuses = []
  for (let count = 0; count < times; count++)
    statuses.push((await logIn({ email, password: WRONG_PASSWORD }, { from })).status)
  return statuses
}

describeAccounts(
  'failed logins',
  (api) => {
    const { logIn, engine } = api

    test('are limited to 10 in 15 minutes for one email from one address; then the right password is refused, too', async () => {
      const { email } = await storeAccount(engine)
      const from = newAddress()
      const start = Date.now()
      setSystemTime(start)
      expect(await failTimes(api, FAILURES, email, from)).toEqual(Array(FAILURES).fill(401))

      const refused = await logIn({ email, password: PASSWORD }, { from })
      expect(refused.status).toBe(429)
      expect(refused.json.code).toBe('rate_limited')
      expect(refused.headers.get('retry-after')).toBe('900')

      setSystemTime(start + WINDOW_MS - 1000)
      const last = await logIn({ email, password: PASSWORD }, { from })
      expect(last.status).toBe(429)
      expect(last.headers.get('retry-after')).toBe('1')

      setSystemTime(start + WINDOW_MS + 1)
      expect((await logIn({ email, password: PASSWORD }, { from })).status).toBe(200)
    })

    test('are counted for an email whatever its case', async () => {
      const { email } = await storeAccount(engine)
      const from = newAddress()
      expect(await failTimes(api, 5, email.toUpperCase(), from)).toEqual(Array(5).fill(401))
      expect(await failTimes(api, 6, email, from)).toEqual([401, 401, 401, 401, 401, 429])
      expect(await failTimes(api, 1, `U${email.slice(1)}`, from)).toEqual([429])
    })

    test('are counted for an account whatever the case of its email, which is not that of one that only looks like it', async () => {
      const { email } = await storeAccount(engine, { email: `kiki-${newEmail()}` })
      const from = newAddress()
      expect(await failTimes(api, FAILURES, email, from)).toEqual(Array(FAILURES).fill(401))
      expect((await logIn({ email: email.toUpperCase(), password: PASSWORD }, { from })).status).toBe(429)
      // A dotted capital I and a Kelvin sign: in some locales i and k are their small letters.
      for (const lookalike of [email.replace('i', '\u0130'), email.replace('k', '\u212a')])
        expect((await logIn({ email: lookalike, password: PASSWORD })).status).toBe(401)
    })

    test('do not affect another address, nor another email from the same one', async () => {
      const { email } = await storeAccount(engine)
      const other = await storeAccount(engine)
      const from = newAddress()
      await failTimes(api, FAILURES, email, from)
      expect((await logIn({ email, password: PASSWORD }, { from })).status).toBe(429)
      expect((await logIn({ email, password: PASSWORD }, { from: newAddress() })).status).toBe(200)
      expect((await logIn({ email: other.email, password: PASSWORD }, { from })).status).toBe(200)
    })

    test('are not made fewer, nor more, by successes between them', async () => {
      const { email } = await storeAccount(engine)
      const from = newAddress()
      expect(await failTimes(api, FAILURES - 1, email, from)).toEqual(Array(FAILURES - 1).fill(401))
      for (let count = 0; count < 2; count++)
        expect((await logIn({ email, password: PASSWORD }, { from })).status).toBe(200)
      expect(await failTimes(api, 2, email, from)).toEqual([401, 429])
    })

    test('that are no guesses, being invalid, do not count', async () => {
      const { email } = await storeAccount(engine)
      const from = newAddress()
      for (const body of [{ email }, { email, password: 1 }, { email, password: 'x\0' }, '{', []])
        for (let count = 0; count < 3; count++)
          expect((await logIn(body, { from, headers: { 'content-type': 'application/json' } })).status).toBe(
            400,
          )
      expect(await failTimes(api, FAILURES + 1, email, from)).toEqual([...Array(FAILURES).fill(401), 429])
    })

    test('at the same moment are all counted: of 40 guesses 10 are judged', async () => {
      const { email } = await storeAccount(engine)
      const from = newAddress()
      const guesses = Array.from({ length: 40 }, () => logIn({ email, password: WRONG_PASSWORD }, { from }))
      const statuses = (await Promise.all(guesses)).map(({ status }) => status).sort()
      expect(statuses).toEqual([...Array(FAILURES).fill(401), ...Array(30).fill(429)])
      expect((await logIn({ email, password: PASSWORD }, { from })).status).toBe(429)
    })

    test('are not made of right passwords: 20 at the same moment all succeed, and count for nothing', async () => {
      const { email } = await storeAccount(engine)
      // Each login finds an outdated hash; what replaces it is as cheap.
      const realHash = Bun.password.hash
      const hash = spyOn(Bun.password, 'hash').mockImplementation((password) =>
        realHash(password, { algorithm: 'bcrypt', cost: 4 }),
      )
      const from = newAddress()
      const logins = Array.from({ length: 20 }, () => logIn({ email, password: PASSWORD }, { from }))
      const statuses = (await Promise.all(logins)).map(({ status }) => status)
      hash.mockRestore()
      expect(statuses).toEqual(Array(20).fill(200))
      expect(await failTimes(api, FAILURES + 1, email, from)).toEqual([...Array(FAILURES).fill(401), 429])
    })
  },
  { authRateLimit: 1000 },
)

describeAccounts('failed logins for an unknown email', ({ logIn, engine }) => {
  test('are limited like those for a known one', async () => {
    const email = newEmail()
    const from = newAddress()
    // An account that goes away: its cheap hash makes the first failures cheap.
    await storeAccount(engine, { email })
    for (let count = 0; count < FAILURES - 1; count++)
      expect((await logIn({ email, password: WRONG_PASSWORD }, { from })).status).toBe(401)
    const { run } = engine.database
    await run((sql) => sql`delete from users where email = ${email}`)
    const unknown = { email: email.toUpperCase(), password: WRONG_PASSWORD }
    expect((await logIn(unknown, { from })).status).toBe(401)
    expect((await logIn(unknown, { from })).status).toBe(429)
  })
})
