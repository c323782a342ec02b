import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../../package.json'
import { SECRET } from '../support/api.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { someDatabase } from '../support/engines.ts'
import { freePort } from '../support/ports.ts'
import { startService } from '../support/process.ts'

/** Files that stand where the service is started; e2e/executable shows the same of the executable. */

const directory = temporaryDirectory('todo-env')
afterAll(() => directory.remove())
const PATIENCE_MS = 60_000

beforeAll(() => {
  const write = (name: string, text: string) => writeFileSync(join(directory.path, name), text)
  write('.env', `BETTER_AUTH_SECRET=${SECRET}\nAUTH_RATE_LIMIT=7\n`)
  for (const name of ['.env.local', '.env.development', '.env.production', '.env.development.local'])
    write(name, 'PORT=nonsense\nAUTH_RATE_LIMIT=nonsense\n')
})

describe('the scripts of the package', () => {
  test.each(['dev', 'start', 'migrate', 'health', 'token', 'import', 'erase', 'db:migrate'] as const)(
    '%s reads only .env',
    (name) => {
      expect(packageJson.scripts[name]).toStartWith('bun --env-file=.env ')
      expect(packageJson.scripts[name]).toContain('src/main.ts')
    },
  )

  test(
    'say in their first lines that they have',
    async () => {
      const main = join(import.meta.dir, '..', '..', 'src', 'main.ts')
      const command = [
        'sh',
        '-c',
        'cd "$1" && exec "$2" --env-file=.env "$3"',
        'sh',
        directory.path,
        process.execPath,
        main,
      ]
      await using service = await startService(
        { ...someDatabase(), PORT: String(await freePort()) },
        { command },
      )
      const lines = service.log.slice(0, 5)
      expect(lines.filter((line) => line.includes('settings: also from'))).toHaveLength(1)
      expect(lines.join('\n')).toContain('settings: also from .env')
      expect(lines.join('\n')).toContain('token secret: BETTER_AUTH_SECRET')
    },
    PATIENCE_MS,
  )
})
