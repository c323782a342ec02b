import { describe, expect, test } from 'bun:test'
import { SECRET } from '../support/api.ts'
import { authentication } from '../support/authentication.ts'
import { createSigningKey, startIssuer } from '../support/issuer.ts'
import { hmacToken } from '../support/token.ts'

/** Why somebody was kept out is for the log alone, and the token is not even for that. */

describe('a request that is refused', () => {
  test('is logged with a reason that tells one cause from another', async () => {
    const { ask, present, token, claims, clock } = authentication({ issuer: 'me', audience: 'here' })
    const good = { iss: 'me', aud: 'here' }
    const reasons = [
      await ask(),
      await present('nonsense'),
      await present(hmacToken({ alg: 'HS512' }, claims(good), SECRET, 'sha512')),
      await present(hmacToken({ alg: 'HS256' }, claims(good), `${SECRET}!`)),
      await present(token({ ...good, exp: clock.seconds() - 60 })),
      await present(token({ ...good, iss: 'you' })),
      await present(token({ ...good, sub: undefined })),
      await present(token({ ...good, sub: '' })),
      await present(token({ ...good, iat: clock.seconds() + 60 })),
    ].map(({ reason }) => reason)
    expect(reasons.every((reason) => typeof reason === 'string' && reason !== '')).toBe(true)
    expect(new Set(reasons).size).toBe(reasons.length)
  })

  test('leaves nothing of its token in the log', async () => {
    const key = await createSigningKey('EdDSA', 'a-key-that-is-known')
    await using issuer = await startIssuer([key])
    const { ask, present, token, claims, clock, logText } = authentication({ jwksUrl: issuer.url })
    const tokens = [
      token(),
      token({ exp: clock.seconds() - 60 }),
      token({ sub: '' }),
      `${token()}x`,
      hmacToken({ alg: 'HS512' }, claims(), SECRET, 'sha512'),
      hmacToken('not JSON', claims(), SECRET),
      await key.sign(claims()),
      await key.sign(claims(), { kid: 'a-key-that-is-not-known' }),
      'a-word-instead-of-a-token',
    ]
    for (const one of tokens) await present(one)
    await ask('Basic YWxpY2U6c2VjcmV0')
    await issuer.goDown()
    await present(await key.sign(claims(), { kid: 'another-key-that-is-not-known' }))

    const log = logText()
    expect(log.trim().split('\n').length).toBeGreaterThan(tokens.length)
    for (const one of tokens)
      for (const part of one.split('.')) if (part.length > 3) expect(log).not.toContain(part)
    expect(log).not.toContain('YWxpY2U6c2VjcmV0')
    expect(log).not.toMatch(/eyJ|bearer [^t]/i)
    expect(log).not.toContain(SECRET)
  })
})
