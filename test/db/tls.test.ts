import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { SECRET } from '../support/api.ts'
import { createCertificate } from '../support/certificate.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { clientFor } from '../support/client.ts'
import { describeServer } from '../support/describe-server.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startService } from '../support/process.ts'
import { type Outcome, runProgram } from '../support/program.ts'

/**
 * TLS to a real server, whose certificate is good for the name `localhost` alone and made by an authority that
 * nobody knows. Connections without TLS are taken as well: that they are not made is up to the service.
 */

const PATIENCE_MS = 60_000

describeServer('a connection over TLS', () => {
  const directory = temporaryDirectory('todo-tls')
  let postgres: PostgresServer
  let database: string
  let caFile: string
  let otherCaFile: string

  beforeAll(async () => {
    postgres = await startPostgres({ tls: true })
    caFile = String(postgres.caFile)
    otherCaFile = (await createCertificate(directory.path)).caFile
    database = new URL(await postgres.createDatabase()).pathname.slice(1)
  }, PATIENCE_MS)
  afterAll(async () => {
    await postgres.remove()
    await directory.remove()
  })

  const url = (parameters: Record<string, string>) => postgres.url(database, parameters)
  /** The same server by a name that its certificate is not good for. */
  const byAddress = (parameters: Record<string, string>) =>
    url(parameters).replace('@localhost:', '@127.0.0.1:')

  /** Connects, as a start does, and ends. */
  const connect = (DATABASE_URL: string, env: Record<string, string> = {}): Promise<Outcome> =>
    runProgram(['migrate'], { cwd: directory.path, env: { DATABASE_URL, ...env } })

  const connected = (outcome: Outcome) => expect(outcome).toMatchObject({ exitCode: 0, stderr: '' })

  const refused = ({ exitCode, output }: Outcome, reason: string) => {
    expect(exitCode).toBe(1)
    expect(output).toContain('The database cannot be used: ')
    expect(output).toContain(reason)
    expect(output).not.toContain('only-for-tests')
    expect(output).not.toMatch(/\n +at /)
  }
  const UNKNOWN_AUTHORITY =
    '(UNABLE_TO_VERIFY_LEAF_SIGNATURE): name the file of the authority that made it as sslrootcert in DATABASE_URL'
  const OTHER_NAME = '(ERR_TLS_CERT_ALTNAME_INVALID): name the host in DATABASE_URL as its certificate does'

  test(
    'is made by a URL as Neon gives it, and every connection is encrypted',
    async () => {
      const service = await startService({
        DATABASE_URL: url({ sslmode: 'require', channel_binding: 'require', sslrootcert: caFile }),
        BETTER_AUTH_SECRET: SECRET,
      })
      await service.ready()
      const alice = clientFor(service.url, 'alice')
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => alice.create(`task ${index}`)),
      )
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201))
      expect(
        await postgres.psql(
          `select bool_and(ssl), count(*) > 0 from pg_stat_ssl join pg_stat_activity using (pid)
           where application_name = 'todo-backend'`,
        ),
      ).toBe('t|t')
      service.signal('SIGINT')
      expect(await service.exited).toBe(0)
    },
    PATIENCE_MS,
  )

  test(
    'is made with verify-ca and verify-full when the authority is given in sslrootcert',
    async () => {
      connected(await connect(url({ sslmode: 'verify-ca', sslrootcert: caFile })))
      connected(await connect(url({ sslmode: 'verify-full', sslrootcert: caFile })))
    },
    PATIENCE_MS,
  )

  test(
    'verifies the chain with sslmode=require when there is an sslrootcert, as libpq does',
    async () => {
      connected(await connect(byAddress({ sslmode: 'require', sslrootcert: caFile })))
      refused(await connect(url({ sslmode: 'require', sslrootcert: otherCaFile })), UNKNOWN_AUTHORITY)
    },
    PATIENCE_MS,
  )

  test(
    'verifies the chain and the name with channel_binding=require, whatever the host',
    async () => {
      const binding = { channel_binding: 'require', sslmode: 'require' }
      refused(await connect(url(binding)), UNKNOWN_AUTHORITY)
      refused(await connect(byAddress({ ...binding, sslrootcert: caFile })), OTHER_NAME)
    },
    PATIENCE_MS,
  )

  test(
    'is refused at once when sslmode=require meets a server without TLS, and made without by prefer',
    async () => {
      await using plain = await startPostgres()
      const to = (sslmode: string) => connect(plain.url('todo', { sslmode }))
      for (const sslmode of ['require', 'verify-full'])
        refused(await to(sslmode), `the server speaks no TLS, which sslmode=${sslmode} asks for`)
      connected(await to('prefer'))
    },
    PATIENCE_MS,
  )

  test(
    'ends the start with 1 when verify-full finds another host name in the certificate',
    async () => {
      const DATABASE_URL = byAddress({ sslmode: 'verify-full', sslrootcert: caFile })
      const env = { DATABASE_URL, HOST: '127.0.0.1', PORT: '0' }
      refused(await runProgram([], { cwd: directory.path, env }), OTHER_NAME)
    },
    PATIENCE_MS,
  )

  test(
    'is made with verify-ca whatever the host name in the certificate',
    async () => {
      connected(await connect(byAddress({ sslmode: 'verify-ca', sslrootcert: caFile })))
    },
    PATIENCE_MS,
  )

  test(
    'ends the start with 1 when verify-ca finds another authority',
    async () => {
      const DATABASE_URL = url({ sslmode: 'verify-ca', sslrootcert: otherCaFile })
      const env = { DATABASE_URL, HOST: '127.0.0.1', PORT: '0' }
      refused(await runProgram([], { cwd: directory.path, env }), UNKNOWN_AUTHORITY)
    },
    PATIENCE_MS,
  )

  test(
    'is refused by verify-ca and verify-full when nobody vouches for the authority',
    async () => {
      refused(await connect(url({ sslmode: 'verify-ca' })), UNKNOWN_AUTHORITY)
      refused(await connect(url({ sslmode: 'verify-full' })), UNKNOWN_AUTHORITY)
    },
    PATIENCE_MS,
  )

  test(
    'trusts the authorities of NODE_EXTRA_CA_CERTS, and those of the system',
    async () => {
      for (const name of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'])
        for (const sslmode of ['verify-ca', 'verify-full']) {
          connected(await connect(url({ sslmode }), { [name]: caFile }))
          refused(await connect(url({ sslmode }), { [name]: otherCaFile }), UNKNOWN_AUTHORITY)
        }
    },
    PATIENCE_MS,
  )

  test(
    'trusts sslrootcert instead of the system’s authorities, not besides them',
    async () => {
      const outcome = await connect(url({ sslmode: 'verify-full', sslrootcert: otherCaFile }), {
        NODE_EXTRA_CA_CERTS: caFile,
        SSL_CERT_FILE: caFile,
      })
      refused(outcome, 'certificate')
    },
    PATIENCE_MS,
  )

  test(
    'is refused at once when sslrootcert is no certificate',
    async () => {
      const file = join(directory.path, 'wrong')
      await Bun.write(file, 'not a certificate')
      const { exitCode, output } = await connect(url({ sslmode: 'verify-full', sslrootcert: file }))
      expect(exitCode).toBe(1)
      expect(output).toContain('DATABASE_URL names an sslrootcert that holds no valid certificate')
    },
    PATIENCE_MS,
  )
})
