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

  test('is logged with the claim that did not fit, and without its value', async () => {
    const { present, token, clock } = authentication({ issuer: 'me', audience: 'here' })
    const good = { iss: 'me', aud: 'here' }
    const cases: [claims: Record<string, unknown>, reason: string][] = [
      [{ iss: 'me/' }, 'iss is not JWT_ISSUER'],
      [{ iss: undefined }, 'iss is missing'],
      [{ aud: 'elsewhere' }, 'aud is not JWT_AUDIENCE'],
      [{ aud: undefined }, 'aud is missing'],
      [{ exp: undefined }, 'exp is missing'],
      [{ exp: 'tomorrow' }, 'exp is not valid'],
      [{ exp: clock.seconds() - 60 }, 'exp is past'],
      [{ nbf: clock.seconds() + 60 }, 'nbf is in the future'],
      [{ nbf: 'now' }, 'nbf is not valid'],
      [{ iat: clock.seconds() + 60 }, 'iat is in the future'],
      [{ iat: 'now' }, 'iat is not valid'],
      [{ sub: undefined }, 'sub is missing, and user_id'],
      [{ sub: 7 }, 'sub is not a string'],
      [{ sub: '' }, 'sub is empty, too long, or has control characters'],
      [{ sub: undefined, user_id: 7 }, 'user_id is not a string'],
    ]
    for (const [claims, reason] of cases)
      expect((await present(token({ ...good, ...claims }))).reason).toBe(reason)
  })

  test('says of a wrong HS256 signature what is commonly wrong with the secret', async () => {
    const { present, claims } = authentication()
    const { reason } = await present(hmacToken({ alg: 'HS256' }, claims(), `${SECRET}!`))
    expect(reason).toBe(
      'wrong signature: BETTER_AUTH_SECRET is not the signer’s (in .env, a $ in it must be written as \\$)',
    )
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
