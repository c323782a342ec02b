import { afterEach, describe, expect, mock, spyOn, test } from 'bun:test'
import { availableParallelism } from 'node:os'
import { createPasswordHasher, type PasswordHasherOptions } from '../../src/auth/password.ts'
import {
  accountsOn,
  allowSlowHashes,
  newAddress,
  newEmail,
  PASSWORD,
  storeAccount,
  storedUsers,
  WRONG_PASSWORD,
} from '../support/accounts.ts'
import type { Answer } from '../support/api.ts'
import { engines } from '../support/engines.ts'
import { until } from '../support/until.ts'

allowSlowHashes()

const { hash: realHash } = Bun.password

const cheapHash = (password: Parameters<typeof realHash>[0]) =>
  realHash(password, { algorithm: 'bcrypt', cost: 4 })

afterEach(() => {
  mock.restore()
})

/** Keeps every hash from being computed until `release`, and then computes a cheap one. */
const holdHashes = () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const hash = spyOn(Bun.password, 'hash').mockImplementation(async (password) => {
    await promise
    return cheapHash(password)
  })
  return { hash, release: resolve }
}

const FROM = '192.0.2.1'

const hasherWith = (options: Partial<PasswordHasherOptions>) =>
  createPasswordHasher({ concurrency: 1, maxWaiting: 5, maxWaitingOfOne: 5, maxWaitMs: 60_000, ...options })

describe('hashing', () => {
  test('runs as many at once as it may, keeps as many waiting as it may, and refuses the next', async () => {
    const { hash, release } = holdHashes()
    const verify = spyOn(Bun.password, 'verify')
    const hasher = hasherWith({ concurrency: 2, maxWaiting: 3 })
    const taken = Array.from({ length: 5 }, () => hasher.hash(PASSWORD, FROM))
    const refused = { code: 'unavailable', headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) } }
    expect(await hasher.hash(PASSWORD, FROM).catch((error) => error)).toMatchObject(refused)
    expect(await hasher.verify(PASSWORD, undefined, FROM).catch((error) => error)).toMatchObject(refused)
    expect(hash).toHaveBeenCalledTimes(2)
    expect(verify).not.toHaveBeenCalled()

    release()
    expect(await Promise.all(taken)).toHaveLength(5)
    expect(await hasher.hash(PASSWORD, FROM)).toStartWith('$2b$')
  })

  test('keeps only so many of one address waiting, and takes one of another', async () => {
    const { release } = holdHashes()
    const hasher = hasherWith({ maxWaitingOfOne: 2 })
    const taken = [FROM, FROM, FROM, '192.0.2.2'].map((address) =>
      hasher.hash(PASSWORD, address).then(() => ''),
    )
    const refused = hasher.hash(PASSWORD, FROM).catch(({ code }) => code)
    expect(await refused).toBe('unavailable')
    release()
    expect(await Promise.all(taken)).toEqual(['', '', '', ''])
  })

  test('lets addresses take turns: a newcomer waits for at most one of each other', async () => {
    const order: unknown[] = []
    spyOn(Bun.password, 'hash').mockImplementation(async (password) => {
      order.push(password)
      return cheapHash(password)
    })
    const hasher = hasherWith({ maxWaiting: 20 })
    const busy = ['a', 'b', 'c'].flatMap((address) =>
      [1, 2, 3, 4].map((number) => hasher.hash(`password ${address}${number}`, address)),
    )
    await hasher.hash('password of the newcomer', 'd')
    await Promise.all(busy)
    expect(order.slice(0, 5)).toEqual([
      'password a1',
      'password a2',
      'password b1',
      'password c1',
      'password of the newcomer',
    ])
  })

  test('refuses what has waited too long, without hashing it', async () => {
    const hash = spyOn(Bun.password, 'hash')
    // Whatever the wait, it is longer than this.
    const hasher = hasherWith({ maxWaitMs: -1 })
    const late = await hasher.hash(PASSWORD, FROM).catch((error) => error)
    expect(late).toMatchObject({ code: 'unavailable', headers: { 'retry-after': '1' } })
    expect(hash).not.toHaveBeenCalled()
  })

  test('goes on after a hash that could not be compared', async () => {
    const hasher = hasherWith({})
    spyOn(Bun.password, 'verify').mockRejectedValueOnce(new Error('no hash'))
    expect(await hasher.verify(PASSWORD, 'x', FROM).catch((error) => error)).toMatchObject({
      message: 'no hash',
    })
    expect(await hasher.verify(PASSWORD, await cheapHash(PASSWORD), FROM)).toBe(true)
  })

  test('never takes the comparison for an unknown email to be right', async () => {
    const hasher = hasherWith({})
    spyOn(Bun.password, 'verify').mockResolvedValueOnce(true)
    expect(await hasher.verify(PASSWORD, undefined, FROM)).toBe(false)
  })
})

for (const engine of engines())
  describe(`too many passwords of one address to hash (${engine.name})`, () => {
    const concurrency = Math.max(1, availableParallelism() - 1)
    const waiting = 20

    test('are refused with 503 and Retry-After; such a login is no failure, and those waiting are served', async () => {
      const { signUp, logIn, send } = accountsOn(engine, { authRateLimit: 30 })
      const { email } = await storeAccount(engine)
      const verify = spyOn(Bun.password, 'verify')
      const { hash, release } = holdHashes()
      const emails = Array.from({ length: concurrency + waiting + 3 }, newEmail)
      const from = newAddress()
      const answered: Answer[] = []
      const signups = emails.map(async (newcomer) => {
        const answer = await signUp({ email: newcomer, password: PASSWORD }, { from })
        answered.push(answer)
        return answer
      })
      // The three beyond what may wait are answered while all others are still held.
      await until(() => answered.length >= 3)
      for (const { status, json, headers } of answered) {
        expect(status).toBe(503)
        expect(json).toMatchObject({ code: 'unavailable', title: 'Service Unavailable' })
        expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      }
      expect(hash).toHaveBeenCalledTimes(concurrency)
      expect((await send('GET', '/health')).status).toBe(200)
      expect((await send('GET', '/api/tasks', { as: 'anybody' })).status).toBe(200)

      for (let count = 0; count < 12; count++) {
        const { status, headers } = await logIn({ email, password: WRONG_PASSWORD }, { from })
        expect(status).toBe(503)
        expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      }
      expect(verify).not.toHaveBeenCalled()

      release()
      const statuses = (await Promise.all(signups)).map(({ status }) => status).sort()
      expect(statuses).toEqual([...Array(concurrency + waiting).fill(201), 503, 503, 503])
      let stored = 0
      for (const newcomer of emails) stored += (await storedUsers(engine, newcomer)).length
      expect(stored).toBe(concurrency + waiting)

      const statusesLater = []
      for (let count = 0; count < 11; count++)
        statusesLater.push((await logIn({ email, password: WRONG_PASSWORD }, { from })).status)
      expect(statusesLater).toEqual([...Array(10).fill(401), 429])
    })
  })
