import { afterEach, expect, mock, spyOn, test } from 'bun:test'
import { userRepository } from '../../src/auth/repository.ts'
import {
  describeAccounts,
  newAddress,
  newEmail,
  PASSWORD,
  storeAccount,
  storedUsers,
} from '../support/accounts.ts'

const CHEAP_HASH = await Bun.password.hash(PASSWORD, { algorithm: 'bcrypt', cost: 4 })

afterEach(() => {
  mock.restore()
})

describeAccounts(
  'an email',
  ({ signUp, logIn, engine }) => {
    test('is taken once, whatever its case', async () => {
      const { email } = await storeAccount(engine)
      const answer = await signUp({ email: email.toUpperCase(), password: PASSWORD })
      expect(answer.status).toBe(409)
      expect(answer.json).toMatchObject({
        title: 'Conflict',
        status: 409,
        code: 'email_taken',
        detail: 'This email is already registered',
        instance: '/api/auth/signup',
      })
      expect(answer.text).not.toInclude(email)
      expect(await storedUsers(engine, email)).toHaveLength(1)
    })

    test('is trimmed at signup and login', async () => {
      const email = newEmail()
      const made = await signUp({ email: ` ${email}\u00a0\n`, password: PASSWORD })
      expect([made.status, made.json.user.email]).toEqual([201, email])
      for (const typed of [email, `${email} `, `\t${email}`]) {
        const answer = await logIn({ email: typed, password: PASSWORD })
        expect([typed, answer.status]).toEqual([typed, 200])
      }
      expect((await signUp({ email: `${email} `, password: PASSWORD })).status).toBe(409)
      expect((await signUp({ email: ' ', password: PASSWORD })).status).toBe(400)
    })

    test('of 50 concurrent signups makes one account; the others are conflicts or over a limit', async () => {
      // Real ones may wait for more than their five seconds on a busy machine, which is another test's business.
      spyOn(Bun.password, 'hash').mockResolvedValue(CHEAP_HASH)
      const email = newEmail()
      const from = newAddress()
      const variants = Array.from({ length: 50 }, (_, index) => (index % 2 ? email : email.toUpperCase()))
      const answers = await Promise.all(
        variants.map((variant) => signUp({ email: variant, password: PASSWORD }, { from })),
      )
      const statuses = answers.map(({ status }) => status)

      expect(statuses.filter((status) => status === 201)).toHaveLength(1)
      // The limit of this app is 6 a minute, so that few hashes are computed.
      expect(statuses.filter((status) => status === 409)).toHaveLength(5)
      expect(statuses.filter((status) => status === 429)).toHaveLength(44)
      expect(await storedUsers(engine, email)).toHaveLength(1)
    })

    test('is kept unique by the database itself when 50 accounts are made at the same moment', async () => {
      const email = newEmail()
      const users = userRepository(engine.database)
      const made = await Promise.allSettled(
        Array.from({ length: 50 }, () => users.create(crypto.randomUUID(), email, CHEAP_HASH)),
      )
      const refused = made.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
      expect(refused).toHaveLength(49)
      for (const { reason } of refused) expect(reason).toMatchObject({ code: 'email_taken' })
      expect(await storedUsers(engine, email)).toHaveLength(1)
    })

    test('with a plus is an address of its own', async () => {
      const [localPart, domain] = newEmail().split('@')
      await storeAccount(engine, { email: `${localPart}@${domain}` })
      const tagged = `${localPart}+tag@${domain}`
      const answer = await signUp({ email: tagged, password: PASSWORD })
      expect(answer.status).toBe(201)
      expect(answer.json.user.email).toBe(tagged)
      expect((await logIn({ email: `${localPart}+other@${domain}`, password: PASSWORD })).status).toBe(401)
    })

    test('is never a pattern or a piece of SQL', async () => {
      await storeAccount(engine)
      for (const email of ['%@example.com', "' or '1'='1", ''])
        expect((await logIn({ email, password: PASSWORD }, { from: newAddress() })).status).toBe(401)
    })
  },
  { authRateLimit: 6 },
)

describeAccounts('an email at signup', ({ signUp, logIn, engine }) => {
  const long = `${'a'.repeat(243)}@example.com`
  const wrong: Record<string, string> = {
    'that is empty': '',
    'that is only spaces': '   ',
    'without an @': 'nobody.example.com',
    'with two @': 'nobody@home@example.com',
    'without a local part': '@example.com',
    'without a domain': 'nobody@',
    'without a dot in its domain': 'nobody@localhost',
    'with a space inside': 'no body@example.com',
    'with a header after a line break': 'nobody@example.com\r\nbcc: everybody@example.com',
    'with two dots in a row': 'no..body@example.com',
    'with a name before it': 'Nobody <nobody@example.com>',
    'with a Cyrillic letter that looks like a Latin one': 'аdmin@example.com',
    'with a Kelvin sign that looks like a K': 'no\u212aia@example.com',
    'with a dotted capital I': 'adm\u0130n@example.com',
    'with a full-width letter': 'ａdmin@example.com',
    'with a right-to-left mark': 'nobody\u200f@example.com',
    'with a right-to-left override': 'nobody@\u202eexample.com',
    'with a zero-width space': 'no\u200bbody@example.com',
    'with NUL': 'nobody@example.com\0',
    'with a lone surrogate': 'nobody\ud800@example.com',
    'of 255 characters': long,
    'of 60,000 characters that a slow pattern would choke on': `${'a.'.repeat(30_000)}!`,
  }

  for (const [what, email] of Object.entries(wrong))
    test(`${what} is refused and not echoed`, async () => {
      const answer = await signUp({ email, password: PASSWORD })
      expect(answer.status).toBe(400)
      expect(answer.json).toMatchObject({ code: 'invalid_request', status: 400 })
      expect(answer.json.errors).toEqual([{ field: 'email', message: expect.stringMatching(/^must /) }])
      if (email.trim() !== '') expect(answer.text).not.toInclude(JSON.stringify(email).slice(1, -1))
    })

  test('of 254 characters is taken', async () => {
    const email = `${crypto.randomUUID()}${'a'.repeat(254 - 36 - 12)}@example.com`
    expect(email).toHaveLength(254)
    expect((await signUp({ email, password: PASSWORD })).status).toBe(201)
  })

  test('that only looks like a stored one does not log in', async () => {
    const unique = crypto.randomUUID()
    const { email } = await storeAccount(engine, { email: `kim-${unique}@example.com` })
    for (const lookalike of [`кim-${unique}@example.com`, `${email}.`])
      expect((await logIn({ email: lookalike, password: PASSWORD })).status).toBe(401)
  })
})
