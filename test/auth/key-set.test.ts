import { describe, expect, spyOn, test } from 'bun:test'
import { authentication, letPast, REFUSED } from '../support/authentication.ts'
import { HOUR_MS, MINUTE_MS, SECOND_MS, stoppedClock } from '../support/clock.ts'
import { createSigningKey, startIssuer } from '../support/issuer.ts'

/** The key set of an issuer that is there: when it is fetched, and which of its keys is used. */

const [first, second] = await Promise.all([
  createSigningKey('EdDSA', 'first'),
  createSigningKey('EdDSA', 'second'),
])

describe('the key set', () => {
  test('is not fetched before a token needs it', async () => {
    await using issuer = await startIssuer([first])
    const { ask, present, token } = authentication({ jwksUrl: issuer.url })
    await ask()
    await present('nonsense')
    await present(token())
    expect(issuer.requests).toBe(0)
  })

  test('is fetched once for many tokens at the same moment', async () => {
    await using issuer = await startIssuer([first, second])
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    const tokens = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        (index % 2 ? first : second).sign(claims({ sub: `user-${index}` })),
      ),
    )
    const decisions = await Promise.all(tokens.map(present))
    expect(decisions.map(({ user }) => user)).toEqual(tokens.map((_, index) => `user-${index}`))
    expect(issuer.requests).toBe(1)
  })

  test('is fetched once also when the issuer takes long and more tokens come meanwhile', async () => {
    await using issuer = await startIssuer([first])
    const { promise: mayAnswer, resolve: letAnswer } = Promise.withResolvers<void>()
    const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>()
    issuer.answer = async () => {
      wasAsked()
      await mayAnswer
      return Response.json({ keys: issuer.keys })
    }
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    const early = present(await first.sign(claims()))
    await asked
    clock.advance(2 * SECOND_MS)
    const late = present(await first.sign(claims({ sub: 'bob' })))
    letAnswer()
    expect(await early).toMatchObject(letPast('alice'))
    expect(await late).toMatchObject(letPast('bob'))
    expect(issuer.requests).toBe(1)
  })

  test('is used for 10 minutes, and fetched again then', async () => {
    await using issuer = await startIssuer([first])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    const token = await first.sign(claims())
    expect(await present(token)).toMatchObject(letPast('alice'))
    clock.advance(10 * MINUTE_MS - 1)
    expect(await present(token)).toMatchObject(letPast('alice'))
    expect(await present(await first.sign(claims({ sub: 'bob' })))).toMatchObject(letPast('bob'))
    expect(issuer.requests).toBe(1)
    clock.advance(1)
    expect(await present(token)).toMatchObject(letPast('alice'))
    expect(issuer.requests).toBe(2)
    expect(await present(token)).toMatchObject(letPast('alice'))
    expect(issuer.requests).toBe(2)
  })

  test('no longer vouches for a withdrawn key after 10 minutes, also not for a token seen before', async () => {
    await using issuer = await startIssuer([first, second])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    const withdrawn = await first.sign(claims())
    const kept = await second.sign(claims({ sub: 'bob' }))
    expect(await present(withdrawn)).toMatchObject(letPast('alice'))
    expect(await present(kept)).toMatchObject(letPast('bob'))
    issuer.keys = [second.jwk]
    clock.advance(10 * MINUTE_MS)
    expect(await present(withdrawn)).toMatchObject(REFUSED)
    expect(await present(kept)).toMatchObject(letPast('bob'))
    expect(await present(withdrawn)).toMatchObject(REFUSED)
  })

  test('no longer vouches for a withdrawn key from the moment another fetch shows it', async () => {
    await using issuer = await startIssuer([first])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    const withdrawn = await first.sign(claims())
    expect(await present(withdrawn)).toMatchObject(letPast('alice'))
    issuer.keys = [second.jwk]
    clock.advance(10 * SECOND_MS)
    expect(await present(await second.sign(claims({ sub: 'bob' })))).toMatchObject(letPast('bob'))
    expect(await present(withdrawn)).toMatchObject(REFUSED)
  })

  test('vouches only for its own keys when another set arrives in the middle of a verification', async () => {
    await using issuer = await startIssuer([first, second])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    expect(await present(await second.sign(claims({ sub: 'bob' })))).toMatchObject(letPast('bob'))

    const verify = crypto.subtle.verify.bind(crypto.subtle) as (...args: unknown[]) => Promise<boolean>
    const { promise: mayVerify, resolve: letVerify } = Promise.withResolvers<void>()
    const { promise: verifying, resolve: verifyingBegan } = Promise.withResolvers<void>()
    const verifications = spyOn(crypto.subtle, 'verify').mockImplementation(async (...args: unknown[]) => {
      verifyingBegan()
      await mayVerify
      return verify(...args)
    })
    try {
      const withdrawn = await first.sign(claims())
      const inFlight = present(withdrawn)
      await verifying
      issuer.keys = [second.jwk]
      clock.advance(10 * SECOND_MS)
      expect(await present(await second.sign(claims(), { kid: 'made-up' }))).toMatchObject(REFUSED)
      letVerify()
      await inFlight
      expect(await present(withdrawn)).toMatchObject(REFUSED)
    } finally {
      verifications.mockRestore()
    }
  })

  test('no longer vouches for a key that was replaced under the same kid', async () => {
    await using issuer = await startIssuer([first])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    const token = await first.sign(claims())
    expect(await present(token)).toMatchObject(letPast('alice'))
    issuer.keys = [{ ...second.jwk, kid: 'first' }]
    clock.advance(10 * MINUTE_MS)
    expect(await present(token)).toMatchObject(REFUSED)
  })

  test('may be empty: then no key fits, and that is no outage', async () => {
    await using issuer = await startIssuer([])
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(REFUSED)
  })

  test('may hold what is not known here beside what is', async () => {
    await using issuer = await startIssuer([first])
    issuer.keys.unshift(
      { kty: 'made-up', kid: 'strange' },
      { kty: 'OKP', crv: 'Ed25519', kid: 'broken', x: '!' },
      { kty: 'EC', crv: 'secp256k1', kid: 'first', x: 'AA', y: 'AA' },
      { kid: 'first' } as never,
    )
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(letPast('alice'))
    expect(await present(await first.sign(claims(), { kid: 'broken' }))).toMatchObject(REFUSED)
  })
})

describe('a key that cannot be used', () => {
  const strange = [
    null,
    7,
    'first',
    [],
    {},
    { kty: 'made-up', kid: 'strange' },
    { kty: 'oct', kid: 'symmetric', k: 'AAAA', alg: 'HS256' },
    { kty: 'OKP', crv: 'Ed25519', kid: 'broken', x: '!' },
    { kty: 'OKP', crv: 'Ed448', kid: 'unknown', x: 'AA' },
    { kty: 'EC', crv: 'secp256k1', kid: 'first', x: 'AA', y: 'AA' },
    { kty: 'EC', crv: 'P-256', kid: 'off the curve', x: 'AA', y: 'AA' },
    { kty: 'RSA', kid: 'small', n: 'AQAB', e: 'AQAB' },
  ]
  const left = (text: string) => text.split('\n').filter((line) => line.includes('left out'))

  test('is left out, which is said once, and the others work', async () => {
    for (const one of strange) {
      await using issuer = await startIssuer([first])
      issuer.keys.unshift(one as never)
      const { present, claims, clock, logText } = authentication({ jwksUrl: issuer.url })
      expect([one, await present(await first.sign(claims()))]).toMatchObject([one, letPast('alice')])
      clock.advance(10 * MINUTE_MS)
      expect(await present(await first.sign(claims({ sub: 'bob' })))).toMatchObject(letPast('bob'))
      expect(issuer.requests).toBe(2)
      expect(left(logText()).map((line) => JSON.parse(line))).toMatchObject([
        { level: 'warn', positions: '1', of: 2 },
      ])
    }
  })

  test('does no harm to tokens of the secret that come next', async () => {
    const point = {
      x: Buffer.alloc(32, 1).toString('base64url'),
      y: Buffer.alloc(32, 2).toString('base64url'),
    }
    await using issuer = await startIssuer([first])
    issuer.answer = () =>
      Response.json({ keys: [{ kty: 'EC', crv: 'P-256', kid: 'off the curve', ...point }, ...issuer.keys] })
    const { present, claims, token } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(letPast('alice'))
    expect(await present(token())).toMatchObject(letPast('alice'))
  })

  test('verifies nothing, also by its kid', async () => {
    await using issuer = await startIssuer([first])
    issuer.keys.push(...(strange as never[]))
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    for (const kid of ['strange', 'symmetric', 'broken', 'unknown', 'off the curve', 'small'])
      expect(await present(await first.sign(claims(), { kid }))).toMatchObject(REFUSED)
  })

  test('is one that is meant for something else', async () => {
    for (const meant of [{ use: 'enc' }, { key_ops: ['sign'] }, { alg: 'ES256' }]) {
      await using issuer = await startIssuer([first])
      issuer.keys = [{ ...first.jwk, ...meant }]
      const { present, claims } = authentication({ jwksUrl: issuer.url })
      expect([meant, await present(await first.sign(claims()))]).toMatchObject([meant, REFUSED])
    }
  })
})

describe('keys that are alike', () => {
  test('are each tried when they have one kid', async () => {
    await using issuer = await startIssuer([first])
    issuer.keys = [first.jwk, { ...second.jwk, kid: 'first' }]
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(letPast('alice'))
    expect(await present(await second.sign(claims({ sub: 'bob' }), { kid: 'first' }))).toMatchObject(
      letPast('bob'),
    )
    const third = await createSigningKey('EdDSA', 'first')
    expect(await present(await third.sign(claims()))).toMatchObject({ ...REFUSED, reason: 'wrong signature' })
  })

  test('are one when they are the same, with a kid or without', async () => {
    await using issuer = await startIssuer([first])
    issuer.keys = [first.jwk, first.jwk, { ...first.jwk, kid: 'another name' }]
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(letPast('alice'))
    expect(await present(await first.sign(claims({ sub: 'bob' }), { kid: undefined }))).toMatchObject(
      letPast('bob'),
    )
  })
})

describe('the age of keys', () => {
  test('does not depend on a clock that was wrong', async () => {
    await using issuer = await startIssuer([first])
    const keyClock = stoppedClock()
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url, keyClock })
    const token = await first.sign(claims({ exp: clock.seconds() + 90 * 24 * 3600 }))
    clock.advance(48 * HOUR_MS)
    expect(await present(token)).toMatchObject(letPast('alice'))
    clock.advance(-48 * HOUR_MS)
    issuer.keys = [second.jwk]
    keyClock.advance(10 * MINUTE_MS)
    expect(await present(token)).toMatchObject(REFUSED)
  })
})

describe('the size of a key set', () => {
  const padded = (bytes: number) => {
    const set = { keys: [first.jwk], padding: '' }
    return JSON.stringify({ ...set, padding: 'x'.repeat(bytes - JSON.stringify(set).length) })
  }
  const MEBIBYTE = 1_048_576
  const gzipped = (text: string) =>
    new Response(Bun.gzipSync(text), { headers: { 'content-encoding': 'gzip' } })
  const endless = () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(65_536).fill(32))
        },
      }),
    )

  test.each([
    ['plain', () => new Response(padded(MEBIBYTE))],
    ['compressed', () => gzipped(padded(MEBIBYTE))],
  ] as [string, () => Response][])('may be 1 MiB, %s', async (_how, answer) => {
    await using issuer = await startIssuer([first])
    issuer.answer = answer
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(letPast('alice'))
  })

  test.each([
    ['plain', () => new Response(padded(MEBIBYTE + 1))],
    ['compressed', () => gzipped(padded(MEBIBYTE + 1))],
    ['small, and 200 MB when decompressed', () => gzipped(padded(200_000_000))],
    ['without end', endless],
    ['compressed in an unknown way', () => new Response('x', { headers: { 'content-encoding': 'x' } })],
  ] as [string, () => Response][])('is not read beyond that: %s', async (_how, answer) => {
    await using issuer = await startIssuer([first])
    issuer.answer = answer
    const { present, claims, logText } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject({ status: 503 })
    expect(logText()).toMatch(/the key set could not be fetched.*(larger than 1048576|unknown way)/)
  })
})

describe('a kid that is not known', () => {
  test('has the keys fetched again, so that a new key is known soon', async () => {
    await using issuer = await startIssuer([first])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(letPast('alice'))
    issuer.keys = [first.jwk, second.jwk]
    clock.advance(10 * SECOND_MS)
    expect(await present(await second.sign(claims({ sub: 'bob' })))).toMatchObject(letPast('bob'))
    expect(await present(await first.sign(claims()))).toMatchObject(letPast('alice'))
    expect(issuer.requests).toBe(2)
  })

  test('asks the issuer at most once in 10 s, however many are made up', async () => {
    await using issuer = await startIssuer([first])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    const flood = async (name: string) => {
      const tokens = await Promise.all(
        Array.from({ length: 20 }, (_, index) => first.sign(claims(), { kid: `${name}-${index}` })),
      )
      for (const decision of await Promise.all(tokens.map(present))) expect(decision).toMatchObject(REFUSED)
      for (const token of tokens) expect(await present(token)).toMatchObject(REFUSED)
    }
    expect(await present(await first.sign(claims()))).toMatchObject(letPast('alice'))
    await flood('at once')
    expect(issuer.requests).toBe(1)
    clock.advance(10 * SECOND_MS - 1)
    await flood('a moment too early')
    expect(issuer.requests).toBe(1)
    clock.advance(1)
    await flood('in time')
    expect(issuer.requests).toBe(2)
    clock.advance(10 * SECOND_MS - 1)
    await flood('again too early')
    expect(issuer.requests).toBe(2)
    clock.advance(1)
    await flood('and in time')
    expect(issuer.requests).toBe(3)
  })

  test('does not hold up the tokens of known keys', async () => {
    await using issuer = await startIssuer([first])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(letPast('alice'))
    const { promise: mayAnswer, resolve: letAnswer } = Promise.withResolvers<void>()
    issuer.answer = () => mayAnswer.then(() => Response.json({ keys: issuer.keys }))
    clock.advance(10 * SECOND_MS)
    const unknown = present(await first.sign(claims(), { kid: 'made-up' }))
    expect(await present(await first.sign(claims({ sub: 'bob' })))).toMatchObject(letPast('bob'))
    letAnswer()
    expect(await unknown).toMatchObject(REFUSED)
  })

  test.each([[7], [null], [''], [['first']], [{}]])('may be a strange one: %j', async (kid) => {
    await using issuer = await startIssuer([first, second])
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims(), { kid }))).toMatchObject(REFUSED)
  })
})

describe('a token without a kid', () => {
  const withoutKid = { kid: undefined }

  test('will do when exactly one key fits', async () => {
    const other = await createSigningKey('ES256', 'of another type')
    await using issuer = await startIssuer([first, other])
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims(), withoutKid))).toMatchObject(letPast('alice'))
    expect(await present(await other.sign(claims({ sub: 'bob' }), withoutKid))).toMatchObject(letPast('bob'))
    expect(await present(await second.sign(claims(), withoutKid))).toMatchObject(REFUSED)
  })

  test('is refused when several fit', async () => {
    await using issuer = await startIssuer([first, second])
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims(), withoutKid))).toMatchObject(REFUSED)
    expect(await present(await second.sign(claims(), withoutKid))).toMatchObject(REFUSED)
  })

  test('is refused when none fits', async () => {
    const other = await createSigningKey('ES256', 'of another type')
    await using issuer = await startIssuer([other])
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims(), withoutKid))).toMatchObject(REFUSED)
  })
})
