import { afterEach, describe, expect, mock, spyOn, test } from 'bun:test'
import { localRateLimiter, sharedRateLimiter } from '../../src/auth/rate-limit.ts'
import { unavailable } from '../../src/errors.ts'
import { accountsOn, PASSWORD } from '../support/accounts.ts'
import { engines } from '../support/engines.ts'

afterEach(() => {
  mock.restore()
})

const LIMIT = { name: 'a limit', points: 10, windowSeconds: 60 }

for (const engine of engines().filter(({ isServer }) => isServer))
  describe(`a limit that ${engine.name} cannot be asked about`, () => {
    const unreachable = { ...engine.database, run: () => Promise.reject(unavailable('no connection')) }

    test('lets nothing past', async () => {
      const limit = sharedRateLimiter(unreachable)(LIMIT)
      expect(await limit.consume('key').catch(({ code }) => code)).toBe('unavailable')
      const make = mock(async () => true)
      expect(await limit.attempt('key', make).catch(({ code }) => code)).toBe('unavailable')
      expect(make).not.toHaveBeenCalled()
    })

    test('makes signup and login 503, and no password is hashed', async () => {
      const hash = spyOn(Bun.password, 'hash')
      const verify = spyOn(Bun.password, 'verify')
      const { signUp, logIn } = accountsOn({ ...engine, database: unreachable })
      const body = { email: 'nobody@example.com', password: PASSWORD }
      for (const answer of [await signUp(body), await logIn(body)]) {
        expect(answer.status).toBe(503)
        expect(answer.headers.get('retry-after')).toBe('1')
      }
      expect(hash).not.toHaveBeenCalled()
      expect(verify).not.toHaveBeenCalled()
    })
  })

describe('an attempt', () => {
  test('whose turn comes after more than five seconds is not made, and counts for nothing', async () => {
    const limit = localRateLimiter({ ...LIMIT, points: 1 })
    const first = Promise.withResolvers<boolean>()
    const begun = Promise.withResolvers<void>()
    const one = limit.attempt('key', () => {
      begun.resolve()
      return first.promise
    })
    await begun.promise
    const make = mock(async () => true)
    const other = limit.attempt('key', make).catch(({ code, headers }) => [code, headers['retry-after']])
    const clock = spyOn(performance, 'now').mockReturnValue(performance.now() + 5001)
    first.resolve(true)
    expect(await one).toBe(true)
    expect(await other).toEqual(['unavailable', '1'])
    expect(make).not.toHaveBeenCalled()
    clock.mockRestore()
    expect(await limit.attempt('key', async () => true)).toBe(true)
  })
})
