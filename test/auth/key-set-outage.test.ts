import { describe, expect, test } from 'bun:test'
import { type Authentication, authentication, EXPIRED, letPast, REFUSED } from '../support/authentication.ts'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../support/clock.ts'
import { createSigningKey, startIssuer } from '../support/issuer.ts'
import { encodePart } from '../support/token.ts'

/** An issuer that is down, hangs, or talks nonsense. */

const [first, second] = await Promise.all([
  createSigningKey('EdDSA', 'first'),
  createSigningKey('EdDSA', 'second'),
])

const UNAVAILABLE = { status: 503, code: 'unavailable', challenge: null, user: undefined }

/** A token that lives for two days, so that only the age of the keys counts. */
const longLived = ({ claims, clock }: Authentication, more = {}) =>
  first.sign(claims({ exp: clock.seconds() + 48 * 3600, ...more }))

describe('an issuer that is down from the start', () => {
  test('makes a token that needs its key wait: 503 with Retry-After', async () => {
    await using issuer = await startIssuer([first], { down: true })
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    const decision = await present(await first.sign(claims()))
    expect(decision).toMatchObject(UNAVAILABLE)
    expect(Number(decision.retryAfter)).toBeGreaterThan(0)
    expect(decision.reason).toBe('no keys: the issuer cannot be reached')
  })

  test('does not save a token that no key could: 401', async () => {
    await using issuer = await startIssuer([first], { down: true })
    const strict = authentication({ jwksUrl: issuer.url, secret: null, issuer: 'me', audience: 'here' })
    const { present, claims, clock } = strict
    const good = claims({ iss: 'me', aud: 'here' })
    expect(await present(await first.sign(good))).toMatchObject(UNAVAILABLE)

    const [header, payload, signature] = (await first.sign(good)).split('.')
    for (const hopeless of [
      'nonsense',
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}.${payload}.%%%`,
      `${header}.${encodePart('nonsense')}.${signature}`,
      `${encodePart('nonsense')}.${payload}.${signature}`,
      `${encodePart({ alg: 'none' })}.${payload}.`,
      await first.sign(good, { alg: 'HS256' }).catch(() => strict.token({ iss: 'me', aud: 'here' })),
      `${encodePart({ alg: 'RS512', kid: 'first' })}.${payload}.${signature}`,
      `${encodePart({ alg: 'EdDSA', kid: 'first', crit: ['x'], x: 1 })}.${payload}.${signature}`,
      await first.sign({ ...good, exp: undefined }),
      await first.sign({ ...good, exp: 'tomorrow' }),
      await first.sign({ ...good, nbf: clock.seconds() + 3600 }),
      await first.sign({ ...good, iat: clock.seconds() + 3600 }),
      await first.sign({ ...good, iss: 'somebody else' }),
      await first.sign({ ...good, aud: 'elsewhere' }),
      await first.sign({ ...good, sub: undefined }),
      await first.sign({ ...good, sub: 7 }),
    ])
      expect(await present(hopeless)).toMatchObject(REFUSED)
    expect(await present(await first.sign({ ...good, exp: clock.seconds() - 60 }))).toMatchObject(EXPIRED)
  })

  test('leaves tokens of the secret alone', async () => {
    await using issuer = await startIssuer([first], { down: true })
    const { present, token } = authentication({ jwksUrl: issuer.url })
    expect(await present(token())).toMatchObject(letPast('alice'))
  })

  test('is forgotten when it comes back', async () => {
    await using issuer = await startIssuer([first], { down: true })
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    const token = await first.sign(claims())
    expect(await present(token)).toMatchObject(UNAVAILABLE)
    issuer.comeBack()
    clock.advance(SECOND_MS)
    expect(await present(token)).toMatchObject(letPast('alice'))
  })

  test('is not asked by every request', async () => {
    await using issuer = await startIssuer([first])
    issuer.answer = () => new Response('busy', { status: 503 })
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    const token = await first.sign(claims())
    for (let index = 0; index < 20; index += 1) expect(await present(token)).toMatchObject(UNAVAILABLE)
    expect(issuer.requests).toBe(1)
  })
})

describe('an issuer that goes down', () => {
  test('leaves its keys in use for 24 h, and not beyond', async () => {
    await using issuer = await startIssuer([first])
    const service = authentication({ jwksUrl: issuer.url })
    const { present, clock } = service
    const token = await longLived(service)
    expect(await present(token)).toMatchObject(letPast('alice'))
    await issuer.goDown()
    clock.advance(10 * MINUTE_MS)
    expect(await present(token)).toMatchObject(letPast('alice'))
    expect(await present(await longLived(service, { sub: 'bob' }))).toMatchObject(letPast('bob'))
    clock.advance(24 * HOUR_MS - 10 * MINUTE_MS - 1)
    expect(await present(token)).toMatchObject(letPast('alice'))
    expect(await present(await longLived(service, { sub: 'bob' }))).toMatchObject(letPast('bob'))
    clock.advance(1)
    expect(await present(token)).toMatchObject(UNAVAILABLE)
    expect(await present(await longLived(service, { sub: 'bob' }))).toMatchObject(UNAVAILABLE)
    issuer.comeBack()
    clock.advance(SECOND_MS)
    expect(await present(token)).toMatchObject(letPast('alice'))
  })

  test('answers an unknown kid with 401, because there are keys', async () => {
    await using issuer = await startIssuer([first])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(letPast('alice'))
    await issuer.goDown()
    for (const ageMs of [0, 10 * SECOND_MS, 10 * MINUTE_MS]) {
      clock.advance(ageMs)
      expect(await present(await second.sign(claims()))).toMatchObject(REFUSED)
    }
  })

  test('has its withdrawn keys refused soon after it is back', async () => {
    await using issuer = await startIssuer([first])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    const token = await first.sign(claims())
    expect(await present(token)).toMatchObject(letPast('alice'))
    await issuer.goDown()
    clock.advance(10 * MINUTE_MS)
    expect(await present(token)).toMatchObject(letPast('alice'))
    issuer.keys = [second.jwk]
    issuer.comeBack()
    clock.advance(10 * SECOND_MS)
    expect(await present(await second.sign(claims({ sub: 'bob' })))).toMatchObject(letPast('bob'))
    expect(await present(token)).toMatchObject(REFUSED)
  })

  test('for a moment only, between two refreshes, does not delay the second', async () => {
    await using issuer = await startIssuer([first])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    const token = await first.sign(claims())
    expect(await present(token)).toMatchObject(letPast('alice'))
    await issuer.goDown()
    clock.advance(MINUTE_MS)
    expect(await present(await first.sign(claims(), { kid: 'made-up' }))).toMatchObject(REFUSED)
    issuer.keys = [second.jwk]
    issuer.comeBack()
    clock.advance(9 * MINUTE_MS)
    expect(await present(token)).toMatchObject(REFUSED)
  })
})

describe('an issuer that hangs', () => {
  test.concurrent('is waited for no longer than the fetch may take, and then no more', async () => {
    await using issuer = await startIssuer([first])
    const service = authentication({ jwksUrl: issuer.url })
    const { present, clock } = service
    const token = await longLived(service)
    expect(await present(token)).toMatchObject(letPast('alice'))

    const { promise: never, resolve: end } = Promise.withResolvers<Response>()
    issuer.answer = () => never
    clock.advance(10 * MINUTE_MS)
    // Ends only because the fetch has a deadline of its own.
    expect(await present(token)).toMatchObject(letPast('alice'))
    expect(issuer.requests).toBe(2)

    // From now on it is asked behind the scenes: no request waits for an answer that does not come.
    for (let round = 0; round < 3; round += 1) {
      clock.advance(10 * SECOND_MS)
      const before = issuer.requests
      expect(await present(await longLived(service, { sub: `user-${round}` }))).toMatchObject(
        letPast(`user-${round}`),
      )
      expect(issuer.requests - before).toBeLessThanOrEqual(1)
    }
    end(new Response())
  })

  test.concurrent('in the middle of its answer is given up as well', async () => {
    await using issuer = await startIssuer([first])
    issuer.answer = () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode('{"keys":[')),
        }),
      )
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(UNAVAILABLE)
  })
})

describe('an issuer that answers', () => {
  const answers: [string, () => Response][] = [
    ['a page', () => new Response('<html>Sign in</html>', { headers: { 'content-type': 'text/html' } })],
    ['nothing', () => new Response('')],
    ['null', () => Response.json(null)],
    ['a list', () => Response.json([first.jwk])],
    ['no keys', () => Response.json({})],
    ['keys that are no list', () => Response.json({ keys: { first: first.jwk } })],
    ['a list of words', () => Response.json({ keys: ['first'] })],
    ['500', () => new Response('{"keys":[]}', { status: 500 })],
    ['404', () => new Response('{"keys":[]}', { status: 404 })],
    ['204', () => new Response(null, { status: 204 })],
  ]

  test.each(answers)('%s gives no keys, and takes none away', async (_what, answer) => {
    await using issuer = await startIssuer([first])
    const { present, claims, clock } = authentication({ jwksUrl: issuer.url })
    const token = await first.sign(claims())
    issuer.answer = answer
    expect(await present(token)).toMatchObject(UNAVAILABLE)
    issuer.answer = undefined
    clock.advance(SECOND_MS)
    expect(await present(token)).toMatchObject(letPast('alice'))
    issuer.answer = answer
    clock.advance(10 * MINUTE_MS)
    expect(await present(token)).toMatchObject(letPast('alice'))
    expect(await present(await first.sign(claims({ sub: 'bob' })))).toMatchObject(letPast('bob'))
    expect(issuer.requests).toBeGreaterThanOrEqual(3)
  })

  test('with a redirect is not followed', async () => {
    await using elsewhere = await startIssuer([first])
    await using issuer = await startIssuer([first])
    issuer.answer = () => Response.redirect(elsewhere.url.href, 302)
    const { present, claims } = authentication({ jwksUrl: issuer.url })
    expect(await present(await first.sign(claims()))).toMatchObject(UNAVAILABLE)
    expect(elsewhere.requests).toBe(0)
  })
})
