import { expect, test } from 'bun:test'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/cleanup.ts'
import { describeServer, useServer } from '../support/describe-server.ts'
import { findPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { runProgram } from '../support/program.ts'

/** Passwords of roles, beside psql: libpq prepares them with SASLprep (RFC 4013), and so does the server. */

const PATIENCE_MS = 60_000

const PASSWORDS: [what: string, password: string][] = [
  ['a fraction', 'pass½word'],
  ['a composed letter', 'na\u00efve'],
  ['a decomposed letter', 'nai\u0308ve'],
  ['a soft hyphen', 'I\u00adX'],
  ['a no-break space', 'a\u00a0b'],
  ['an ideographic space', 'a\u3000b'],
  ['a zero-width space', 'x\u200by'],
  ['a ligature', 'ﬁne'],
  ['an emoji, which is prohibited', '😀key'],
  ['a tab, which is prohibited', 'tab\there'],
  ['both directions, which is prohibited', 'a\u0627'],
  ['nothing but what is left out', '\u00ad'],
  ['what a URL has to escape', 'a b+c%/?#@:'],
]

const connectsFrom = async (cwd: string, DATABASE_URL: string): Promise<string> => {
  const { exitCode, output } = await runProgram(['migrate'], { cwd, env: { DATABASE_URL } })
  if (exitCode === 0 || output.includes('(42501)')) return 'let in'
  return output.includes('(28P01)') ? 'refused' : output
}

describeServer('a role', () => {
  let postgres: PostgresServer
  const directory = useServer((server) => (postgres = server))

  const literal = (text: string) =>
    `U&'${[...text].map((character) => `\\+${character.codePointAt(0)?.toString(16).padStart(6, '0')}`).join('')}'`

  const createRole = async (password: string, encryption: string, database = 'todo') => {
    const role = `role_${crypto.randomUUID().slice(0, 8)}`
    await postgres.psql(`
      set password_encryption = '${encryption}';
      create role ${role} login password ${literal(password)};
      grant all on database ${database} to ${role}`)
    return (text: string) =>
      `postgres://${role}:${encodeURIComponent(text)}@127.0.0.1:${postgres.port}/${database}`
  }

  const psqlConnects = (url: string): boolean => {
    const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' }
    return Bun.spawnSync([join(String(findPostgres()), 'psql'), '-XAtc', 'select 1', url], { env }).success
  }

  /** Whether the service gets in; what it may do there is another matter. */
  const connects = (url: string) => connectsFrom(directory, url)

  test.each(PASSWORDS)(
    'whose password has %s connects as psql does',
    async (_what, password) => {
      const url = (await createRole(password, 'scram-sha-256'))(password)
      expect(psqlConnects(url)).toBe(true)
      expect(await connects(url)).toBe('let in')
    },
    PATIENCE_MS,
  )

  test(
    'is let in with any form of its password that SASLprep takes for the same, and with no other',
    async () => {
      const urlFor = await createRole('pass½word', 'scram-sha-256')
      for (const [form, outcome] of [
        ['pass1\u20442word', 'let in'],
        ['pass\u00ad½word', 'let in'],
        ['pass1/2word', 'refused'],
      ] as const) {
        expect(psqlConnects(urlFor(form))).toBe(outcome === 'let in')
        expect(await connects(urlFor(form))).toBe(outcome)
      }
    },
    PATIENCE_MS,
  )
})

describeServer('a role of a server that asks for MD5', () => {
  test(
    'sends its password as it is, as psql does',
    async () => {
      await using postgres = await startPostgres({ settings: { password_encryption: 'md5' } })
      const directory = temporaryDirectory('todo-passwords-md5')
      await postgres.psql(`
        create role half login password 'pass½word';
        grant all on database todo to half;
        alter system set hba_file to '${await md5Hba(directory.path)}'`)
      await postgres.stop('fast')
      await postgres.start()
      const url = `postgres://half:${encodeURIComponent('pass½word')}@127.0.0.1:${postgres.port}/todo`
      expect(await connectsFrom(directory.path, url)).toBe('let in')
      await directory.remove()
    },
    PATIENCE_MS,
  )

  const md5Hba = async (directory: string): Promise<string> => {
    await chmod(directory, 0o755)
    const file = join(directory, 'pg_hba.conf')
    await Bun.write(file, 'local all all trust\nhost all all 127.0.0.1/32 md5\n')
    return file
  }
})
