import { describe, expect, test } from 'bun:test'
import { createTokenVerifier } from '../../src/auth/token.ts'
import { SECRET } from '../support/api.ts'
import { authentication, EXPIRED, letPast, REFUSED } from '../support/authentication.ts'
import { SECOND_MS, stoppedClock } from '../support/clock.ts'
import { signToken } from '../support/token.ts'

/** Tokens that were verified are remembered, and nothing must come of that but speed. */

describe('a token that was let past before', () => {
  test('is refused on the first request after it expired', async () => {
    const { present, token, clock } = authentication()
    const remembered = token({ exp: clock.seconds() + 10 })
    expect(await present(remembered)).toMatchObject(letPast('alice'))
    expect(await present(remembered)).toMatchObject(letPast('alice'))
    clock.advance(15 * SECOND_MS)
    expect(await present(remembered)).toMatchObject(EXPIRED)
  })

  test('does not let one past that differs in a single character', async () => {
    const { present, token } = authentication()
    const remembered = token()
    expect(await present(remembered)).toMatchObject(letPast('alice'))
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. '
    for (let index = 0; index < remembered.length; index += 1)
      // The last character of the signature has two bits to spare, which must not be ignored either.
      for (const character of index === remembered.length - 1 ? alphabet : 'AB') {
        const altered = remembered.slice(0, index) + character + remembered.slice(index + 1)
        if (altered.trim() !== remembered) expect(await present(altered)).toMatchObject(REFUSED)
      }
    expect(await present(remembered)).toMatchObject(letPast('alice'))
  })

  test('does not let one past that is longer or shorter, or written in another case', async () => {
    const { present, token } = authentication()
    const remembered = token()
    expect(await present(remembered)).toMatchObject(letPast('alice'))
    for (const altered of [
      `${remembered}A`,
      `${remembered}=`,
      remembered.slice(0, -1),
      remembered.toLowerCase(),
      remembered.toUpperCase(),
    ])
      expect(await present(altered)).toMatchObject(REFUSED)
  })

  test('is the same user’s whoever else came in between', async () => {
    const { present, token } = authentication()
    const tokens = ['alice', 'bob', 'carol'].map((sub) => ({ sub, text: token({ sub }) }))
    for (let round = 0; round < 3; round += 1)
      for (const { sub, text } of tokens) expect(await present(text)).toMatchObject(letPast(sub))
  })

  test('is not verified again, unless it is very long, until 10,000 others were', async () => {
    const clock = stoppedClock()
    const { verify, counts } = createTokenVerifier({
      secret: SECRET,
      keySet: undefined,
      issuer: undefined,
      audience: undefined,
      now: clock.now,
    })
    const tokenOf = (sub: string, more = {}) => signToken({ sub, exp: clock.seconds() + 60, ...more }, SECRET)
    const long = tokenOf('first', { name: 'x'.repeat(2000) })
    await verify(long)
    await verify(long)
    expect(counts).toMatchObject({ verified: 2, remembered: 0 })
    counts.verified = 0
    const first = tokenOf('first')
    await verify(first)
    await verify(first)
    expect(counts).toMatchObject({ verified: 1, remembered: 1 })
    for (let index = 0; index < 9_999; index += 1) await verify(tokenOf(`user-${index}`))
    expect(counts).toMatchObject({ verified: 10_000, remembered: 1 })
    await verify(first)
    expect(counts).toMatchObject({ verified: 10_000, remembered: 2 })
    await verify(tokenOf('one too many'))
    await verify(first)
    expect(counts).toMatchObject({ verified: 10_002, remembered: 2 })
  })
})

describe('a token that was refused before', () => {
  test('is refused again', async () => {
    const { present, token } = authentication()
    const forged = `${token().slice(0, -4)}AAAA`
    expect(await present(forged)).toMatchObject(REFUSED)
    expect(await present(forged)).toMatchObject(REFUSED)
  })
})
