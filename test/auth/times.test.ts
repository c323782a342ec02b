import { describe, expect, test } from 'bun:test'
import { authentication, EXPIRED, letPast, REFUSED } from '../support/authentication.ts'
import { SECOND_MS } from '../support/clock.ts'

/** `exp`, `nbf` and `iat`, with a tolerance of 5 s. */

describe('exp', () => {
  const { present, token, clock } = authentication()

  test('is required', async () => {
    expect(await present(token({ exp: undefined }))).toMatchObject(REFUSED)
  })

  test('lets a token live until less than 5 s after it, and no longer', async () => {
    expect(await present(token({ exp: clock.seconds() }))).toMatchObject(letPast('alice'))
    expect(await present(token({ exp: clock.seconds() - 4 }))).toMatchObject(letPast('alice'))
    expect(await present(token({ exp: clock.seconds() - 5 }))).toMatchObject(EXPIRED)
    expect(await present(token({ exp: clock.seconds() - 6 }))).toMatchObject(EXPIRED)
  })

  test('ends a token that was good a moment ago, at the same second', async () => {
    const { present, token, clock } = authentication()
    const once = token({ exp: clock.seconds() + 60 })
    clock.advance(64 * SECOND_MS)
    expect(await present(once)).toMatchObject(letPast('alice'))
    clock.advance(SECOND_MS - 1)
    expect(await present(once)).toMatchObject(letPast('alice'))
    clock.advance(1)
    expect(await present(once)).toMatchObject(EXPIRED)
    expect(await present(once)).toMatchObject(EXPIRED)
  })

  test.each([0, -1, 1])('long past is past: %d', async (exp) => {
    expect(await present(token({ exp }))).toMatchObject(EXPIRED)
  })

  test('does not tell a stranger that a token expired whose signature is wrong', async () => {
    const [header, payload] = token({ exp: clock.seconds() - 60 }).split('.')
    const [, , signature] = token().split('.')
    expect(await present(`${header}.${payload}.${signature}`)).toMatchObject(REFUSED)
  })
})

describe('nbf', () => {
  const { present, token, clock } = authentication()

  test('keeps a token out until 5 s before it', async () => {
    expect(await present(token({ nbf: clock.seconds() }))).toMatchObject(letPast('alice'))
    expect(await present(token({ nbf: clock.seconds() + 5 }))).toMatchObject(letPast('alice'))
    expect(await present(token({ nbf: clock.seconds() + 6 }))).toMatchObject(REFUSED)
  })

  test('lets the same token in when its time has come', async () => {
    const { present, token, clock } = authentication()
    const early = token({ nbf: clock.seconds() + 10 })
    clock.advance(4 * SECOND_MS)
    expect(await present(early)).toMatchObject(REFUSED)
    clock.advance(SECOND_MS)
    expect(await present(early)).toMatchObject(letPast('alice'))
  })
})

describe('iat', () => {
  const { present, token, clock } = authentication()

  test('may be absent, past, or up to 5 s in the future', async () => {
    expect(await present(token({ iat: undefined }))).toMatchObject(letPast('alice'))
    expect(await present(token({ iat: 1 }))).toMatchObject(letPast('alice'))
    expect(await present(token({ iat: clock.seconds() }))).toMatchObject(letPast('alice'))
    expect(await present(token({ iat: clock.seconds() + 5 }))).toMatchObject(letPast('alice'))
  })

  test('further in the future is refused', async () => {
    expect(await present(token({ iat: clock.seconds() + 6 }))).toMatchObject(REFUSED)
    expect(await present(token({ iat: clock.seconds() + 1800 }))).toMatchObject(REFUSED)
  })
})

describe('a time', () => {
  const { present, token, clock } = authentication()

  test.each(['exp', 'nbf', 'iat'])('that is not a number is refused: %s', async (claim) => {
    for (const value of [String(clock.seconds()), 'tomorrow', '', null, true, [clock.seconds()], {}])
      expect(await present(token({ [claim]: value }))).toMatchObject(REFUSED)
  })

  test('may be a fraction of a second', async () => {
    expect(await present(token({ exp: clock.seconds() - 4.5 }))).toMatchObject(letPast('alice'))
    expect(await present(token({ nbf: clock.seconds() + 4.5 }))).toMatchObject(letPast('alice'))
    expect(await present(token({ nbf: clock.seconds() + 5.5 }))).toMatchObject(REFUSED)
    expect(await present(token({ iat: clock.seconds() + 5.5 }))).toMatchObject(REFUSED)
  })
})
