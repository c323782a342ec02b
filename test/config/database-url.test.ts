import { afterAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { DatabaseUrlError, parseDatabaseUrl } from '../../src/database-url.ts'
import { temporaryDirectory } from '../support/cleanup.ts'

/** Connection strings, as Neon's console and others give them. */

const directory = temporaryDirectory('todo-url')
afterAll(() => directory.remove())

const refusalOf = (url: string): string => {
  try {
    parseDatabaseUrl(url)
  } catch (error) {
    if (error instanceof DatabaseUrlError) return error.message
    throw error
  }
  return 'taken'
}

const modeOf = (host: string, query = '') =>
  parseDatabaseUrl(`postgresql://app:pw@${host}/todo${query}`).sslMode

describe('a connection string', () => {
  test('of Neon works unchanged, with the direct and the pooled host', () => {
    for (const host of [
      'ep-cool-darkness-123456.us-east-2.aws.neon.tech',
      'ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech',
    ])
      expect(
        parseDatabaseUrl(
          `postgresql://alex:AbC123dEf@${host}/dbname?sslmode=require&channel_binding=require`,
        ),
      ).toEqual({
        host,
        port: 5432,
        database: 'dbname',
        user: 'alex',
        password: 'AbC123dEf',
        sslMode: 'verify-full',
        rootCertificate: undefined,
        options: undefined,
        ignored: [],
      })
  })

  test('may name the endpoint of Neon in its options', () => {
    const url = 'postgres://u:p@ep-x.eu-central-1.aws.neon.tech/db?options=endpoint%3Dep-x'
    expect(parseDatabaseUrl(url).options).toBe('endpoint=ep-x')
  })

  test.each(['postgres', 'postgresql'])('begins with %s://', (scheme) => {
    expect(parseDatabaseUrl(`${scheme}://app:pw@db.example.com:6543/todo`)).toMatchObject({
      host: 'db.example.com',
      port: 6543,
      database: 'todo',
      user: 'app',
      password: 'pw',
    })
  })

  test('names the user’s own database when it names none', () => {
    expect(parseDatabaseUrl('postgresql://app:pw@db.example.com').database).toBe('app')
    expect(parseDatabaseUrl('postgresql://app:pw@db.example.com/').database).toBe('app')
  })

  test('may do without a password', () => {
    expect(parseDatabaseUrl('postgresql://app@db.example.com/todo').password).toBeUndefined()
  })

  test('may percent-encode the user, the password and the database', () => {
    expect(
      parseDatabaseUrl('postgresql://a%40b:p%3A%2F%3F%23%40%25%20w@db.example.com/to%20do%3F'),
    ).toMatchObject({
      user: 'a@b',
      password: 'p:/?#@% w',
      database: 'to do?',
    })
    expect(parseDatabaseUrl('postgresql://app:p+w@db.example.com/todo').password).toBe('p+w')
    expect(parseDatabaseUrl('postgresql://app:%E5%90%8D@db.example.com/todo').password).toBe('名')
  })

  test('may name an IPv6 address', () => {
    expect(parseDatabaseUrl('postgresql://app:pw@[::1]:5433/todo')).toMatchObject({ host: '::1', port: 5433 })
    expect(parseDatabaseUrl('postgresql://app:pw@[2001:db8::7]/todo')).toMatchObject({ host: '2001:db8::7' })
  })

  test('may name the directory of a Unix socket, whose letters keep their case', () => {
    const socket = { host: '/var/run/PostgreSQL', database: 'todo', user: 'app', sslMode: 'disable' }
    expect(parseDatabaseUrl('postgresql://app@%2Fvar%2Frun%2FPostgreSQL/todo')).toMatchObject(socket)
    expect(parseDatabaseUrl('postgresql:///todo?host=/var/run/PostgreSQL&user=app')).toMatchObject(socket)
  })

  test('has parameters that are accepted and others that are ignored and named', () => {
    const parameters =
      'sslmode=require&channel_binding=require&application_name=x&connect_timeout=10&pgbouncer=true'
    expect(parseDatabaseUrl(`postgresql://app:pw@db.example.com/todo?${parameters}`).ignored).toEqual([
      'application_name',
      'connect_timeout',
      'pgbouncer',
    ])
  })

  test.each(['require', 'prefer', 'disable'])('may say channel_binding=%s', (binding) => {
    expect(modeOf('db.example.com', `?channel_binding=${binding}`)).toBe('require')
  })

  test.each([
    ['nonsense', 'is not a postgresql:// connection string'],
    ['mysql://app:pw@db.example.com/todo', 'is not a postgresql:// connection string'],
    ['https://db.example.com/todo', 'is not a postgresql:// connection string'],
    ['psql "postgresql://app:pw@db.example.com/todo"', 'is not a postgresql:// connection string'],
    ['host=db.example.com user=app', 'is not a postgresql:// connection string'],
    ['postgresql://app:pw@db.example.com:port/todo', 'is not a postgresql:// connection string'],
    ['postgresql://app:pw@db.example.com:99999/todo', 'is not a postgresql:// connection string'],
    ['postgresql://app:pw@db.example.com:0/todo', 'has an invalid port'],
    ['postgresql://app:pw@db.example.com/todo?port=x', 'has an invalid port'],
    ['postgresql://app:pw@/todo', 'is not a postgresql:// connection string'],
    ['postgresql://', 'names no host'],
    ['postgresql:///todo', 'names no host'],
    ['postgresql://db.example.com/todo', 'names no user'],
    ['postgresql://app:100%@db.example.com/todo', 'has a malformed percent-encoding'],
    ['postgresql://app:pw@db.example.com/%E0', 'has a malformed percent-encoding'],
    ['postgresql://app:pw@db.example.com/to/do', 'has a slash in the name of the database'],
    ['postgresql://app:pw@db.example.com/todo?sslmode=no-verify', 'has an unknown sslmode'],
    ['postgresql://app:pw@db.example.com/todo?sslmode=REQUIRE', 'has an unknown sslmode'],
    ['postgresql://app:pw@db.example.com/todo?sslmode=', 'has an unknown sslmode'],
    ['postgresql://app:pw@a.example.com,b.example.com/todo', 'names more than one host'],
    ['postgresql://app:pw@db.example.com/todo?host=/tmp,evil.example.com', 'names more than one host'],
  ])('is refused: %s', (url, message) => {
    expect(refusalOf(url)).toBe(message)
  })
})

describe('sslmode', () => {
  test.each(['localhost', '127.0.0.1', '127.9.9.9', '[::1]'])(
    'may be absent for the loopback host %s',
    (host) => {
      expect(modeOf(host)).toBe('disable')
    },
  )

  test.each([
    'db.example.com',
    '10.0.0.1',
    '[2001:db8::1]',
    'localhost.example.com',
    '127.0.0.1.example.com',
    'postgres',
    '0.0.0.0',
  ])('means require when it is absent for %s', (host) => {
    expect(modeOf(host)).toBe('require')
  })

  test.each(['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const)(
    'is what it says, also for a loopback host: %s',
    (mode) => {
      expect(modeOf('db.example.com', `?sslmode=${mode}`)).toBe(mode)
      expect(modeOf('localhost', `?sslmode=${mode}`)).toBe(mode)
    },
  )

  test('allow is no weaker than prefer', () => {
    expect(modeOf('db.example.com', '?sslmode=allow')).toBe('prefer')
  })

  const neonHosts = [
    'ep-x.eu-central-1.aws.neon.tech',
    'ep-x-pooler.eu-central-1.aws.neon.tech',
    'EP-X.EU-CENTRAL-1.AWS.NEON.TECH',
    'ep-x.eu-central-1.aws.neon.tech.',
    'neon.tech',
  ]

  test.each(neonHosts)('is verify-full for %s whatever it says', (host) => {
    for (const query of [
      '',
      ...['allow', 'prefer', 'require', 'verify-ca', 'verify-full'].map((mode) => `?sslmode=${mode}`),
    ]) {
      expect(modeOf(host, query)).toBe('verify-full')
      expect(modeOf('localhost', `?host=${host}${query.replace('?', '&')}`)).toBe('verify-full')
    }
  })

  test.each(neonHosts)('may not be disable for %s', (host) => {
    const message = 'must not say sslmode=disable: Neon is reached over TLS'
    expect(refusalOf(`postgresql://app:pw@${host}/todo?sslmode=disable`)).toBe(message)
    expect(refusalOf(`postgresql://app:pw@localhost/todo?host=${host}&sslmode=disable`)).toBe(message)
  })

  test.each(['notneon.tech', 'neon.tech.example.com', 'ep-x.neon.technology'])(
    'is not Neon’s for %s',
    (host) => {
      expect(modeOf(host)).toBe('require')
      expect(modeOf(host, '?sslmode=disable')).toBe('disable')
    },
  )
})

describe('sslrootcert', () => {
  const write = (name: string, content: string) => {
    const file = join(directory.path, name)
    writeFileSync(file, content)
    return file
  }
  const certificateOf = (file: string) =>
    parseDatabaseUrl(
      `postgresql://app:pw@db.example.com/todo?sslmode=verify-ca&sslrootcert=${encodeURIComponent(file)}`,
    ).rootCertificate

  test('names a file with one certificate or several', () => {
    const [first = '', second = ''] = rootCertificates
    expect(certificateOf(write('one', first))).toBe(first)
    expect(certificateOf(write('two', `${first}\n${second}\n`))).toBe(`${first}\n${second}\n`)
  })

  test('may say system', () => {
    expect(certificateOf('system')).toBeUndefined()
  })

  test.each([
    ['', 'names an sslrootcert that holds no valid certificate'],
    ['not a certificate', 'names an sslrootcert that holds no valid certificate'],
    [
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      'names an sslrootcert that holds no valid certificate',
    ],
  ])('is refused unless the file holds a certificate: %j', (content, message) => {
    const file = write('wrong', content)
    expect(refusalOf(`postgresql://app:pw@db.example.com/todo?sslmode=verify-ca&sslrootcert=${file}`)).toBe(
      message,
    )
  })

  test('is refused when there is no such file', () => {
    expect(refusalOf('postgresql://app:pw@db.example.com/todo?sslrootcert=/nowhere/ca.crt')).toBe(
      'names an sslrootcert that cannot be read',
    )
  })
})
