import { describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { databaseSource } from '../../src/db/source.ts'
import { describeRefusal, isTransient } from '../../src/db/sqlstate.ts'
import { createLog } from '../../src/log.ts'
import { authentication, message, type Said, startHostileServer } from '../support/hostile-server.ts'
import { findPgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { findPostgres, startPostgres } from '../support/postgres.ts'

/** Whoever answers at the database's address, or stands between, gets no password and takes nothing down. */

const log = createLog({ level: 'silent', format: 'json' })

/** Connects, asks for 1, and tells what came of it. */
const ask = async (url: string): Promise<{ outcome: string; isTransient: boolean }> => {
  const source = databaseSource(loadConfig({ DATABASE_URL: url, DATABASE_PREPARE: 'false' }), log)
  try {
    const connection = await source.connect()
    const [row] = await connection.sql<[{ number: number }]>`select 1 as number`
    await connection.end()
    return { outcome: `answered ${row.number}`, isTransient: false }
  } catch (error) {
    return { outcome: describeRefusal(error), isTransient: isTransient(error) }
  }
}

const scram = authentication(10, 'SCRAM-SHA-256\0\0')
const nonceOf = (heard: string): string => /r=([^,]+)$/.exec(heard)?.[1] ?? ''
const challenge =
  (rest = ',s=c2FsdA==,i=4096', nonce = nonceOf) =>
  (heard: string) =>
    authentication(11, `r=${nonce(heard)}more${rest}`)
const letIn = Buffer.concat([authentication(0), message('Z', 'I')])
const TWO_GIGABYTES = 2 ** 31 - 1
const longestRow = message('D', Buffer.alloc(2 ** 24 - 4))

describe('a server that nobody vouches for', () => {
  test.each<[string, Said]>([
    ['asks for the password itself', authentication(3)],
    ['asks for the password as MD5', authentication(5, 'salt')],
    ['lets us in without asking for the password', letIn],
  ])('is refused when it %s', async (what, said) => {
    await using server = await startHostileServer([said])
    expect(await ask(server.url())).toEqual({
      outcome: `the server ${what}, as an impostor would: use sslmode=verify-full (with sslrootcert where its authority is not a public one)`,
      isTransient: false,
    })
    expect(server.received()).not.toContain('pass-word')
    expect(server.received()).not.toMatch(/md5|show/)
  })

  test('is refused when it asks for more iterations than make sense, without a moment’s work', async () => {
    await using server = await startHostileServer([scram, challenge(',s=c2FsdA==,i=2000000000')])
    const { outcome } = await ask(server.url())
    expect(outcome).toStartWith('the server asks for 2000000000 iterations of SCRAM, as an impostor would')
  })
})

describe('a server that breaks the rules loses the connection, and no more,', () => {
  const violation = { outcome: 'PROTOCOL_VIOLATION (PROTOCOL_VIOLATION)', isTransient: true }

  test.each<[string, Said[]]>([
    ['with no mechanism', [authentication(10)]],
    ['with a mechanism that is not there', [authentication(10, 'PLAIN\0\0')]],
    ['with SASL twice', [scram, scram]],
    ['with a challenge before SASL', [authentication(11, 'r=a,s=c2FsdA==,i=4096')]],
    ['with an empty challenge', [scram, authentication(11)]],
    ['with a challenge without salt', [scram, challenge(',i=4096')]],
    ['with a challenge without iterations', [scram, challenge(',s=c2FsdA==')]],
    ['with no iterations', [scram, challenge(',s=c2FsdA==,i=0')]],
    ['with a nonce of its own', [scram, challenge(undefined, () => 'other')]],
    ['with an end before the challenge', [scram, authentication(12, 'v=c2FsdA==')]],
    ['with a signature that is none', [scram, challenge(), authentication(12, 'e=other-error')]],
    [
      'with a wrong signature',
      [scram, challenge(), authentication(12, `v=${Buffer.alloc(32).toString('base64')}`)],
    ],
    ['without a signature', [scram, challenge(), letIn]],
    ['without letting us in', [message('Z', 'I')]],
    ['with a request of no length', [message('R', '', 0)]],
    ['with a request without a code', [message('R', '')]],
    [
      'with much to say while it waits for our answer',
      [
        scram,
        (heard) =>
          Buffer.concat([
            challenge(',s=c2FsdA==,i=1000000')(heard),
            ...Array.from({ length: 20 }, () => message('N', `M${'x'.repeat(60_000)}\0\0`)),
          ]),
      ],
    ],
    ['with a message of two gigabytes before it lets us in', [message('E', '', TWO_GIGABYTES)]],
  ])('%s', async (_what, says) => {
    await using server = await startHostileServer(says)
    expect(await ask(server.url())).toEqual(violation)
    expect(server.received()).not.toContain('pass-word')
  })

  test.each<[string, Buffer]>([
    ['a row of two gigabytes', message('D', '', TWO_GIGABYTES)],
    ['an error of more than 64 KiB', message('E', '', 65_537)],
    ['a message of a length below its own', message('C', '', 3)],
    ['a message that does not exist', message('!', '')],
    ['a suspended portal', message('s', '')],
    ['a second authentication', authentication(11, '')],
    // Five of the longest, without columns.
    ['rows without end', Buffer.concat([message('T', '\0\0'), ...Array(5).fill(longestRow)])],
  ])('with %s', async (_what, said) => {
    // On this machine, without a password: let in at once.
    await using server = await startHostileServer([letIn, said])
    expect(await ask(server.url().replace('user:pass-word@0.0.0.0', 'user@127.0.0.1'))).toEqual(violation)
  })
})

describe.if(findPostgres() !== null)('a server that is known, or asks by SCRAM,', () => {
  test('gets what it asks for', async () => {
    await using server = await startPostgres({ tls: true })
    const remote = (parameters: Record<string, string>) =>
      server.url('todo', parameters).replace('@localhost:', '@0.0.0.0:')
    const ordinary = { outcome: 'answered 1', isTransient: false }
    expect(await ask(remote({ sslmode: 'require' }))).toEqual(ordinary)
    expect(await ask(remote({ sslmode: 'disable' }))).toEqual(ordinary)
    expect(
      await ask(server.url('todo', { sslmode: 'verify-full', sslrootcert: String(server.caFile) })),
    ).toEqual(ordinary)
    if (!findPgBouncer()) return
    for (const auth_type of ['trust', 'plain', 'md5', 'scram-sha-256']) {
      await using bouncer = await startPgBouncer({ upstream: server.url(), settings: { auth_type } })
      expect(await ask(bouncer.url())).toEqual(ordinary)
    }
  }, 30_000)

  test('is understood wherever the network cuts its messages', async () => {
    await using server = await startPostgres()
    const connection = await databaseSource(loadConfig({ DATABASE_URL: server.url() }), log).connect()
    const rows = await connection.sql<{ n: number; text: string }[]>`
      select n, repeat(n::text, n * 37 % 5000) as text from generate_series(1, 5000) as n order by n`
    expect(rows.map(({ text }) => text.length)).toEqual(
      rows.map((_, index) => String(index + 1).length * (((index + 1) * 37) % 5000)),
    )
    await connection.end()
  }, 30_000)

  test('lets nobody in with a wrong password', async () => {
    await using server = await startPostgres()
    expect(await ask(server.url().replace('only-for-tests', 'wrong'))).toEqual({
      outcome: 'wrong user or password (28P01)',
      isTransient: false,
    })
  }, 30_000)
})
