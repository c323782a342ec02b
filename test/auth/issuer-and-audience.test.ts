import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Authentication, authentication, letPast, REFUSED } from '../support/authentication.ts'
import { createSigningKey, type Issuer, type SigningKey, startIssuer } from '../support/issuer.ts'

/** `iss` and `aud` must match when they are configured, whatever the key. */

const ISSUER = 'https://app.example.com'
const AUDIENCE = 'https://api.example.com'

let key: SigningKey
let issuer: Issuer
let strict: Authentication

beforeAll(async () => {
  key = await createSigningKey('EdDSA', 'first')
  issuer = await startIssuer([key])
  strict = authentication({ jwksUrl: issuer.url, issuer: ISSUER, audience: AUDIENCE })
})
afterAll(() => issuer[Symbol.asyncDispose]())

describe.each(['HS256', 'EdDSA'])('with JWT_ISSUER and JWT_AUDIENCE, an %s token', (alg) => {
  const sign = async (claims: Record<string, unknown>) =>
    alg === 'HS256' ? strict.token(claims) : key.sign(strict.claims(claims))
  const decide = async (claims: Record<string, unknown>) => strict.present(await sign(claims))

  test('is taken when both match', async () => {
    expect(await decide({ iss: ISSUER, aud: AUDIENCE })).toMatchObject(letPast('alice'))
  })

  test('is taken when the audience is one of several', async () => {
    expect(await decide({ iss: ISSUER, aud: ['https://other.example.com', AUDIENCE] })).toMatchObject(
      letPast('alice'),
    )
  })

  test.each([
    [undefined],
    [null],
    [''],
    ['https://evil.example.com'],
    [`${ISSUER}/`],
    [ISSUER.toUpperCase()],
    [[ISSUER]],
    [7],
  ])('is refused with iss %j', async (iss) => {
    expect(await decide({ iss, aud: AUDIENCE })).toMatchObject(REFUSED)
  })

  test.each([
    [undefined],
    [null],
    [''],
    ['https://evil.example.com'],
    [`${AUDIENCE}/`],
    [[]],
    [['https://x.example']],
    [7],
    [{}],
  ])('is refused with aud %j', async (aud) => {
    expect(await decide({ iss: ISSUER, aud })).toMatchObject(REFUSED)
  })
})

describe('without JWT_ISSUER and JWT_AUDIENCE', () => {
  test('a token may say any, or none', async () => {
    const { present, token } = authentication()
    expect(await present(token({ iss: 'https://somebody.example', aud: ['x', 'y'] }))).toMatchObject(
      letPast('alice'),
    )
    expect(await present(token())).toMatchObject(letPast('alice'))
  })

  test('each is checked by itself', async () => {
    const issuerOnly = authentication({ issuer: ISSUER })
    expect(await issuerOnly.present(issuerOnly.token({ iss: ISSUER, aud: 'x' }))).toMatchObject(
      letPast('alice'),
    )
    expect(await issuerOnly.present(issuerOnly.token({ aud: AUDIENCE }))).toMatchObject(REFUSED)
    const audienceOnly = authentication({ audience: AUDIENCE })
    expect(await audienceOnly.present(audienceOnly.token({ iss: 'x', aud: AUDIENCE }))).toMatchObject(
      letPast('alice'),
    )
    expect(await audienceOnly.present(audienceOnly.token({ iss: ISSUER }))).toMatchObject(REFUSED)
  })
})
