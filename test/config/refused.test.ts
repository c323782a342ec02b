import { afterAll, describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/cleanup.ts'
import { runProgram } from '../support/program.ts'

/** The process that is told something wrong. */

const directory = temporaryDirectory('todo-config')
afterAll(() => directory.remove())

describe('a process with a configuration that is not valid', () => {
  test.each([[[]], [['migrate']], [['token', 'alice']]])(
    'says all that is wrong and ends with 1: %j',
    async (args) => {
      const { exitCode, output } = await runProgram(args, {
        cwd: directory.path,
        env: {
          ENVIRONMENT: 'production',
          DATABASE_URL: 'postgresql://app:hidden-password@',
          BETTER_AUTH_SECRET: 'hidden-secret',
          PORT: 'hidden-port',
          CORS_ORIGINS: '*',
        },
      })
      expect(exitCode).toBe(1)
      for (const name of ['DATABASE_URL', 'BETTER_AUTH_SECRET', 'PORT', 'CORS_ORIGINS'])
        expect(output).toContain(`${name} `)
      expect(output).not.toContain('hidden')
      expect(output).not.toMatch(/\n {4}at /)
    },
  )

  test('may have been told so by a .env file', async () => {
    await writeFile(join(directory.path, '.env'), 'PORT=hidden-port\nLOG_LEVEL=debug\n')
    const { exitCode, output } = await runProgram([], {
      cwd: directory.path,
      env: { LOG_LEVEL: 'hidden-level' },
    })
    expect(exitCode).toBe(1)
    expect(output).toContain('PORT must be a whole number from 0 to 65535')
    // The environment itself comes before the file.
    expect(output).toContain('LOG_LEVEL must be one of')
    expect(output).not.toContain('hidden')
  })
})
