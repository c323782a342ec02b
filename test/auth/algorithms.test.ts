import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { exportSPKI } from 'jose'
import { SECRET } from '../support/api.ts'
import { type Authentication, authentication, letPast, REFUSED } from '../support/authentication.ts'
import { createSigningKey, type Issuer, type SigningKey, startIssuer } from '../support/issuer.ts'
import { encodePart, hmacToken, signToken } from '../support/token.ts'

/** Which key may verify is decided by the configuration and the key's type, never by the token alone. */

const ALGORITHMS = ['EdDSA', 'ES256', 'ES512', 'RS256', 'PS256'] as const

const keys = new Map<string, SigningKey>()
let issuer: Issuer
let both: Authentication
let keysAlone: Authentication
const secretAlone = authentication()

const keyFor = (alg: string): SigningKey => {
  const key = keys.get(alg)
  if (!key) throw new Error(`no key for ${alg}`)
  return key
}

beforeAll(async () => {
  for (const alg of ALGORITHMS) keys.set(alg, await createSigningKey(alg, `key-${alg}`))
  issuer = await startIssuer([...keys.values()])
  // What a careless issuer might show: the shared secret itself.
  issuer.keys.push({
    kty: 'oct',
    kid: 'shared',
    alg: 'HS256',
    k: Buffer.from('a secret that stands in the key set, long enough').toString('base64url'),
  })
  both = authentication({ jwksUrl: issuer.url })
  keysAlone = authentication({ jwksUrl: issuer.url, secret: null })
})
afterAll(() => issuer[Symbol.asyncDispose]())

describe('the two names of EdDSA with Ed25519 (RFC 9864)', () => {
  test('are one, in the token and in the key set', async () => {
    const key = await createSigningKey('EdDSA', 'edwards')
    for (const alg of ['EdDSA', 'Ed25519', undefined]) {
      await using issuer = await startIssuer([key])
      issuer.keys = [JSON.parse(JSON.stringify({ ...key.jwk, alg }))]
      const { present, claims } = authentication({ jwksUrl: issuer.url })
      for (const name of ['EdDSA', 'Ed25519'])
        for (const kid of ['edwards', undefined])
          expect([alg, name, await present(await key.sign(claims(), { alg: name, kid }))]).toMatchObject([
            alg,
            name,
            letPast('alice'),
          ])
    }
  })
})

describe('a token without a signature', () => {
  test.each(['none', 'None', 'NONE', 'nOnE', ''])('is refused with alg "%s"', async (alg) => {
    for (const { present, claims } of [secretAlone, both, keysAlone]) {
      const unsigned = `${encodePart({ alg, typ: 'JWT' })}.${encodePart(claims())}.`
      expect(await present(unsigned)).toMatchObject(REFUSED)
      const [, , signature] = signToken(claims(), SECRET).split('.')
      expect(await present(`${unsigned}${signature}`)).toMatchObject(REFUSED)
    }
  })
})

describe('an HMAC', () => {
  test('is taken with HS256 and the secret, also next to a key set', async () => {
    expect(await secretAlone.present(secretAlone.token())).toMatchObject(letPast('alice'))
    expect(await both.present(both.token())).toMatchObject(letPast('alice'))
  })

  test('is refused with HS384 and HS512, though the secret is right', async () => {
    for (const { present, claims } of [secretAlone, both, keysAlone]) {
      expect(await present(hmacToken({ alg: 'HS384' }, claims(), SECRET, 'sha384'))).toMatchObject(REFUSED)
      expect(await present(hmacToken({ alg: 'HS512' }, claims(), SECRET, 'sha512'))).toMatchObject(REFUSED)
    }
  })

  test('is refused with HS256 where only a key set is configured', async () => {
    expect(await keysAlone.present(keysAlone.token())).toMatchObject(REFUSED)
    expect(await keysAlone.present(hmacToken({ alg: 'HS256' }, keysAlone.claims(), ''))).toMatchObject(
      REFUSED,
    )
  })

  test('is refused when it was made with an oct key of the key set', async () => {
    const secret = 'a secret that stands in the key set, long enough'
    for (const { present, claims } of [both, keysAlone])
      for (const header of [{ alg: 'HS256', kid: 'shared' }, { alg: 'HS256' }])
        expect(await present(hmacToken(header, claims(), secret))).toMatchObject(REFUSED)
  })

  test.each([...ALGORITHMS])('is refused when it was made with the public key for %s', async (alg) => {
    const { publicKey, jwk } = keyFor(alg)
    const pem = await exportSPKI(publicKey)
    const secrets = [
      pem,
      pem.trimEnd(),
      Buffer.from(pem.replace(/-----.*-----|\n/g, ''), 'base64'),
      JSON.stringify(jwk),
      JSON.stringify({ keys: [jwk] }),
      ...[jwk.n, jwk.x]
        .filter((part) => part !== undefined)
        .flatMap((part) => [part, Buffer.from(part, 'base64url')]),
    ]
    for (const { present, claims } of [both, keysAlone, secretAlone])
      for (const secret of secrets)
        for (const header of [{ alg: 'HS256', kid: jwk.kid }, { alg: 'HS256' }, { alg, kid: jwk.kid }])
          expect(await present(hmacToken(header, claims(), secret))).toMatchObject(REFUSED)
  })

  test('is refused under the name of an asymmetric algorithm, though the secret is right', async () => {
    for (const { present, claims } of [secretAlone, both, keysAlone])
      for (const alg of ALGORITHMS)
        for (const header of [{ alg }, { alg, kid: `key-${alg}` }])
          expect(await present(hmacToken(header, claims(), SECRET))).toMatchObject(REFUSED)
  })
})

describe('a signature', () => {
  test.each([...ALGORITHMS])('is taken with %s from the key set, with or without a secret', async (alg) => {
    for (const { present, claims } of [both, keysAlone])
      expect(await present(await keyFor(alg).sign(claims({ sub: `user of ${alg}` })))).toMatchObject(
        letPast(`user of ${alg}`),
      )
  })

  test.each([...ALGORITHMS])('is refused with %s where no key set is configured', async (alg) => {
    expect(await secretAlone.present(await keyFor(alg).sign(secretAlone.claims()))).toMatchObject(REFUSED)
  })

  test.each(['RS384', 'RS512', 'PS384', 'PS512', 'ES384'])(
    'is refused with %s, which is not listed',
    async (alg) => {
      await using listed = await startIssuer([await createSigningKey(alg, 'listed')])
      const key = await createSigningKey(alg, 'unlisted')
      listed.keys = [key.jwk]
      const { present, claims } = authentication({ jwksUrl: listed.url })
      expect(await present(await key.sign(claims()))).toMatchObject(REFUSED)
      expect(listed.requests).toBe(0)
    },
  )

  test('is refused under the name of another algorithm of the same key', async () => {
    const key = await createSigningKey('RS256', 'rsa')
    // The set does not say what the key is for.
    const { alg: _alg, ...jwk } = key.jwk
    await using other = await startIssuer()
    other.keys = [{ ...jwk, alg: 'PS256' }]
    const { present, claims } = authentication({ jwksUrl: other.url })
    expect(await present(await key.sign(claims()))).toMatchObject(REFUSED)
  })

  test('is refused when the key set has the key for encryption', async () => {
    const key = await createSigningKey('RS256', 'rsa')
    await using other = await startIssuer()
    other.keys = [{ ...key.jwk, use: 'enc' }]
    const { present, claims } = authentication({ jwksUrl: other.url })
    expect(await present(await key.sign(claims()))).toMatchObject(REFUSED)
  })

  test('of another key under the same kid is refused', async () => {
    const stranger = await createSigningKey('EdDSA', 'key-EdDSA')
    for (const { present, claims } of [both, keysAlone])
      expect(await present(await stranger.sign(claims()))).toMatchObject(REFUSED)
  })

  test('that was cut off, or changed in a letter, is refused', async () => {
    const token = await keyFor('EdDSA').sign(keysAlone.claims())
    const [header, payload, signature = ''] = token.split('.')
    const changed = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)
    expect(await keysAlone.present(token)).toMatchObject(letPast('alice'))
    expect(await keysAlone.present(`${header}.${payload}.`)).toMatchObject(REFUSED)
    expect(await keysAlone.present(`${header}.${payload}.${changed}`)).toMatchObject(REFUSED)
  })
})

describe('the header of a token', () => {
  test('may not name an extension that is not known in crit', async () => {
    for (const crit of [['exp'], ['x-made-up'], [], 'x-made-up', ['b64', 'x-made-up'], null]) {
      const header = { alg: 'HS256', crit, 'x-made-up': 1, exp: 1, b64: true }
      expect(await secretAlone.present(hmacToken(header, secretAlone.claims(), SECRET))).toMatchObject(
        REFUSED,
      )
    }
  })

  test('may not ask for an unencoded payload', async () => {
    const header = { alg: 'HS256', crit: ['b64'], b64: false }
    expect(await secretAlone.present(hmacToken(header, secretAlone.claims(), SECRET))).toMatchObject(REFUSED)
  })

  test('is never followed to another key: jku, jwk, x5u, x5c and a kid that is a URL', async () => {
    const mallory = await createSigningKey('EdDSA', 'mallory')
    await using trap = await startIssuer([mallory])
    const url = trap.url.href
    for (const { present, claims } of [both, keysAlone, secretAlone])
      for (const header of [
        { jku: url },
        { jku: url, kid: undefined },
        { jku: url, kid: 'key-EdDSA' },
        { jwk: mallory.jwk },
        { jwk: mallory.jwk, kid: undefined },
        { jwk: mallory.jwk, kid: 'key-EdDSA' },
        { x5u: url, x5c: [mallory.jwk.x] },
        { x5u: url, kid: undefined },
        { kid: url },
      ])
        expect(await present(await mallory.sign(claims(), header))).toMatchObject(REFUSED)
    expect(trap.requests).toBe(0)
  })

  test('may name them when the signature is good all the same', async () => {
    await using trap = await startIssuer()
    const header = { jku: trap.url.href, x5u: trap.url.href }
    expect(await keysAlone.present(await keyFor('EdDSA').sign(keysAlone.claims(), header))).toMatchObject(
      letPast('alice'),
    )
    expect(trap.requests).toBe(0)
  })
})
