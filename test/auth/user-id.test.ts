import { describe, expect, test } from 'bun:test'
import { SECRET } from '../support/api.ts'
import { authentication, letPast, REFUSED } from '../support/authentication.ts'
import { hmacToken, signToken } from '../support/token.ts'

/** Whose a token is: its `sub`, or its `user_id` when there is no `sub`, and nothing else. */

const { present, token, claims } = authentication()

const CLAIMS = ['sub', 'user_id'] as const

/** A token that says who it is for in one claim only. */
const tokenOf = (claim: (typeof CLAIMS)[number], value: unknown) => token({ sub: undefined, [claim]: value })

describe('the user of a token', () => {
  test('is its sub', async () => {
    expect(await present(token({ sub: 'bob' }))).toMatchObject(letPast('bob'))
  })

  test('is its user_id when it has no sub', async () => {
    expect(await present(tokenOf('user_id', 'carol'))).toMatchObject(letPast('carol'))
  })

  test('is its sub when it has both', async () => {
    expect(await present(token({ sub: 'bob', user_id: 'carol' }))).toMatchObject(letPast('bob'))
  })

  test.each([[null], [''], [7], [['bob']], [{ id: 'bob' }], [true]])(
    'is not its user_id when its sub is %j',
    async (sub) => {
      expect(await present(token({ sub, user_id: 'carol' }))).toMatchObject(REFUSED)
    },
  )

  test.each(['id', 'userId', 'uid', 'email', 'name', 'username', 'user', 'preferred_username', 'azp'])(
    'is not its %s',
    async (claim) => {
      expect(await present(token({ sub: undefined, [claim]: 'bob' }))).toMatchObject(REFUSED)
    },
  )

  test('has to be there', async () => {
    expect(await present(token({ sub: undefined }))).toMatchObject(REFUSED)
  })
})

describe.each([...CLAIMS])('a user id in %s', (claim) => {
  test.each([[null], [1], [0], [1.5], [true], [false], [['alice']], [[]], [{ id: 'alice' }]])(
    'is refused unless it is a string: %j',
    async (value) => {
      expect(await present(tokenOf(claim, value))).toMatchObject(REFUSED)
    },
  )

  test('has 1 to 255 characters', async () => {
    expect(await present(tokenOf(claim, ''))).toMatchObject(REFUSED)
    expect(await present(tokenOf(claim, 'a'))).toMatchObject(letPast('a'))
    expect(await present(tokenOf(claim, 'a'.repeat(255)))).toMatchObject(letPast('a'.repeat(255)))
    expect(await present(tokenOf(claim, 'a'.repeat(256)))).toMatchObject(REFUSED)
  })

  test('is counted in code points', async () => {
    expect(await present(tokenOf(claim, '😀'.repeat(255)))).toMatchObject(letPast('😀'.repeat(255)))
    expect(await present(tokenOf(claim, '😀'.repeat(256)))).toMatchObject(REFUSED)
  })

  test('has none of the control characters U+0000–001F and U+007F–009F', async () => {
    const control = [...Array(0x20).keys(), ...Array.from({ length: 0x21 }, (_, index) => 0x7f + index)]
    expect(control).toHaveLength(65)
    for (const code of control) {
      const character = String.fromCharCode(code)
      for (const id of [character, `alice${character}`, `${character}alice`, `al${character}ice`])
        expect(await present(tokenOf(claim, id))).toMatchObject(REFUSED)
    }
  })

  test.each([
    ' ',
    '~',
    '\u00a0',
    'É',
    'alice@example.com',
    '../tasks',
    "'; drop table users; --",
    '名前',
    '\u200b',
  ])('may have any other character: %j', async (id) => {
    expect(await present(tokenOf(claim, id))).toMatchObject(letPast(id))
  })

  test.each(['\\ud800', '\\udfff', 'alice\\ud83d', '\\ude00\\ud83d'])(
    'is refused with a surrogate that has no partner: %s',
    async (escaped) => {
      const payload = `{"${claim}":"${escaped}","exp":${claims().exp}}`
      expect(await present(hmacToken({ alg: 'HS256' }, payload, SECRET))).toMatchObject(REFUSED)
    },
  )
})

describe('what Better Auth signs with the same secret', () => {
  const exp = Number(claims().exp)
  const user = { id: 'alice', email: 'alice@example.com', name: 'Alice' }

  test.each<[string, Record<string, unknown>]>([
    [
      'the session in its cookie cache',
      { session: { id: 's1', userId: 'alice' }, user, updatedAt: 1, version: '1' },
    ],
    ['the link that verifies an e-mail address', { email: 'alice@example.com', iat: exp - 3600 }],
    [
      'the link that changes it',
      { email: 'alice@example.com', updateTo: 'x@example.com', requestType: 'change-email' },
    ],
    ['the state of a social login', { callbackURL: '/', codeVerifier: 'x', userId: 'alice' }],
    ['nothing but a time', {}],
  ])('is no token: %s', async (_what, content) => {
    expect(await present(signToken({ ...content, exp }, SECRET))).toMatchObject(REFUSED)
  })
})
