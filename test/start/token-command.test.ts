import { afterAll, describe, expect, test } from 'bun:test'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { SECRET } from '../support/api.ts'
import { authentication, letPast } from '../support/authentication.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { stoppedClock } from '../support/clock.ts'
import { runProgram } from '../support/program.ts'

/** `bun run token <user-id>`. */

const directory = temporaryDirectory('todo-token')
afterAll(() => directory.remove())

const runToken = (args: string[], env: Record<string, string> = {}) =>
  runProgram(['token', ...args], { cwd: directory.path, env })

const KEYS = {
  JWKS_URL: 'https://app.example.com/api/auth/jwks',
  JWT_ISSUER: 'https://app.example.com',
  JWT_AUDIENCE: 'https://api.example.com',
}

describe('bun run token', () => {
  test('prints a token, and nothing else, that is good for TOKEN_TTL_SECONDS', async () => {
    const { exitCode, stdout, stderr } = await runToken(['alice'], {
      BETTER_AUTH_SECRET: SECRET,
      TOKEN_TTL_SECONDS: '600',
    })
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    const token = stdout.trim()
    expect(decodeProtectedHeader(token).alg).toBe('HS256')
    const { sub, iat = 0, exp = 0 } = decodeJwt(token)
    expect(sub).toBe('alice')
    expect(exp - iat).toBeWithin(599, 601)

    const clock = stoppedClock()
    clock.advance(iat * 1000 - clock.now())
    const { present } = authentication({ clock })
    expect(await present(token)).toMatchObject(letPast('alice'))
  })

  test('names the issuer and the audience where they are configured', async () => {
    const { stdout } = await runToken(['alice'], { BETTER_AUTH_SECRET: SECRET, ...KEYS })
    expect(decodeJwt(stdout.trim())).toMatchObject({ iss: KEYS.JWT_ISSUER, aud: KEYS.JWT_AUDIENCE })
  })

  test('makes the secret when the service has not been started yet', async () => {
    const { exitCode } = await runToken(['alice'])
    expect(exitCode).toBe(0)
    expect(await readdir(join(directory.path, '.data'))).toEqual(['secret'])
    expect((await stat(join(directory.path, '.data', 'secret'))).mode & 0o777).toBe(0o600)
    expect((await stat(join(directory.path, '.data'))).mode & 0o777).toBe(0o700)
  })

  test.each([{ ENVIRONMENT: 'production' }, { NODE_ENV: 'production' }])(
    'refuses in production: %j',
    async (env) => {
      const { exitCode, stdout, stderr } = await runToken(['alice'], {
        ...env,
        BETTER_AUTH_SECRET: SECRET,
        DATABASE_URL: 'postgresql://app:pw@db.example.com/todo',
      } as Record<string, string>)
      expect(exitCode).toBe(1)
      expect(stdout).toBe('')
      expect(stderr).toBe('Tokens for trials are not made in production\n')
    },
  )

  test.each(['', 'a'.repeat(256), 'ali\nce', 'ali\u0085ce'])(
    'refuses an id that no token may have: %j',
    async (id) => {
      const { exitCode, stdout, stderr } = await runToken([id], { BETTER_AUTH_SECRET: SECRET })
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
      expect(stderr).toStartWith('A user id has 1 to 255 characters')
    },
  )

  test('refuses where only the issuer of a key set can sign', async () => {
    const { exitCode, stdout, stderr } = await runToken(['alice'], KEYS)
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toBe('Set BETTER_AUTH_SECRET: with JWKS_URL alone only the issuer can sign tokens\n')
  })
})
