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

  test('may end in nothing but its signs', () => {
    const url = 'postgresql://app:pw@db.example.com:/?&'
    expect(parseDatabaseUrl(url)).toMatchObject({ port: 5432, database: 'app', ignored: [] })
  })

  test('may have characters in the password that separate nothing there', () => {
    expect(parseDatabaseUrl('postgresql://app:a:b&c=d+e;f [g]@db.example.com/todo').password).toBe(
      'a:b&c=d+e;f [g]',
    )
  })

  const NO_FORM = 'is not a postgresql:// connection string: write postgresql://user:password@host/database'
  const NO_PORT = 'has an invalid port: give one from 1 to 65535, and put an IPv6 address in brackets'
  const TWO_HOSTS = 'names more than one host: give the one that takes writes, or a pooler'
  const NO_HOST = 'names no host: write it behind the @, or as the parameter host'
  const ODD_HOST = 'names a host that is no host name, no address and no directory'
  const NO_MODE =
    'has an unknown sslmode: it is one of disable, allow, prefer, require, verify-ca, verify-full'
  const malformed = (part: string) => `has a malformed percent-encoding in the ${part}: write % itself as %25`

  test.each([
    ['nonsense', NO_FORM],
    ['postgresql', NO_FORM],
    ['mysql://app:pw@db.example.com/todo', NO_FORM],
    ['https://db.example.com/todo', NO_FORM],
    ['postgresql://app:pw@db.example.com:port/todo', NO_PORT],
    ['postgresql://app:pw@db.example.com:99999/todo', NO_PORT],
    ['postgresql://app:pw@db.example.com:0/todo', NO_PORT],
    ['postgresql://app:pw@db.example.com/todo?port=x', NO_PORT],
    ['postgresql://app:pw@db.example.com/todo?port=0x10', NO_PORT],
    ['postgresql://app:pw@2001:db8::7/todo', NO_PORT],
    ['postgresql://app:pw@/todo', NO_HOST],
    ['postgresql://app@', NO_HOST],
    ['postgresql://app:pw@.../todo', NO_HOST],
    ['postgresql:///todo?user=app', NO_HOST],
    ['postgresql://', 'names no user: write it in front of the @'],
    ['postgresql://db.example.com/todo', 'names no user: write it in front of the @'],
    ['postgresql://app:100%@db.example.com/todo', malformed('password')],
    ['postgresql://100%:pw@db.example.com/todo', malformed('user name')],
    ['postgresql://app:pw@db.example.com/%E0', malformed('name of the database')],
    [
      'postgresql://app:p%00w@db.example.com/todo',
      'has a NUL character (%00) in the password: leave it away',
    ],
    ['postgresql://app:pw@db.example.com/to/do', 'has a slash in the name of the database: write it as %2F'],
    ['postgresql://app:pw@db.example.com/todo?sslmode=no-verify', NO_MODE],
    ['postgresql://app:pw@db.example.com/todo?sslmode=REQUIRE', NO_MODE],
    ['postgresql://app:pw@db.example.com/todo?sslmode=', NO_MODE],
    [
      'postgresql://app:pw@db.example.com/todo?channel_binding=yes',
      'has an unknown channel_binding: it is one of disable, prefer, require',
    ],
    ['postgresql://app:pw@a.example.com,b.example.com/todo', TWO_HOSTS],
    ['postgresql://app:pw@a.example.com:5432,b.example.com:5433/todo', TWO_HOSTS],
    ['postgresql://app:pw@[::1]:5432,[::2]/todo', TWO_HOSTS],
    ['postgresql://app:pw@db.example.com/todo?host=/tmp,evil.example.com', TWO_HOSTS],
    ['postgresql://app:pw@db example.com/todo', ODD_HOST],
    ['postgresql://app:pw@ep-x。neon。tech/todo', ODD_HOST],
    ['postgresql://app:pw@ep-x.neon.tech%09/todo', ODD_HOST],
    ['postgresql://app:pw@db.example.com/todo?sslmode', 'has a parameter without a value: write name=value'],
    [
      'postgresql://app:pw@db.example.com/todo?schema=tasks',
      'names a schema: leave schema=… away, and set DATABASE_SCHEMA instead',
    ],
  ])('is refused: %s', (url, message) => {
    expect(refusalOf(url)).toBe(message)
  })
})

describe('what is pasted in place of a connection string', () => {
  const url = 'postgresql://app:pw@db.example.com/todo'

  test.each([`"${url}"`, `'${url}'`, `“${url}”`, `"${url}`, `${url}'`])('stands in quotes: %s', (text) => {
    expect(refusalOf(text)).toBe('stands in quotes: leave them away')
  })

  test.each([`psql ${url}`, `psql '${url}'`, `psql "${url}"`])('begins with psql: %s', (text) => {
    expect(refusalOf(text)).toBe('begins with psql: leave that away, and the quotes with it')
  })

  test.each(['asyncpg', 'psycopg2', 'psycopg', 'pg8000'])('names the driver %s', (driver) => {
    for (const scheme of ['postgres', 'postgresql'])
      expect(refusalOf(`${scheme}+${driver}://app:pw@db.example.com/todo`)).toBe(
        'names a driver: write postgresql:// in place of what ends with ://',
      )
  })

  test.each([`DATABASE_URL=${url}`, `export DATABASE_URL="${url}"`])(
    'begins with the name of the variable: %s',
    (text) => {
      expect(refusalOf(text)).toBe('begins with the name of a variable: leave that away')
    },
  )

  test('is the other form that libpq takes', () => {
    expect(refusalOf('host=db.example.com user=app password=pw')).toBe(
      'is a list of keywords: write postgresql://user:password@host/database instead',
    )
  })

  test('goes over a line', () => {
    expect(refusalOf('postgresql://app:pw@db\n.example.com/todo')).toBe(
      'has a line break or a tab in it: write it on one line',
    )
  })
})

describe('an unescaped character', () => {
  const ESCAPES = { '#': '%23', '/': '%2F', '?': '%3F', '@': '%40' }

  test.each(Object.entries(ESCAPES))('is told by what to write for it: %s', (character, escaped) => {
    const remedy = `write ${character} as ${escaped}`
    for (const password of [`p${character}w`, `${character}pw`, `12${character}w`, `p${character}w=x&y`])
      for (const rest of ['db.example.com/todo?sslmode=require', 'db.example.com'])
        expect(refusalOf(`postgresql://app:${password}@${rest}`)).toBe(
          `has an unescaped character in the password: ${remedy}`,
        )
    expect(refusalOf(`postgresql://a${character}pp:pw@db.example.com/todo`)).toBe(
      `has an unescaped character in the user name: ${remedy}`,
    )
  })

  test('may be one of several', () => {
    expect(refusalOf('postgresql://app:p@/?#w@db.example.com/todo')).toBe(
      'has an unescaped character in the password: write # as %23, / as %2F, ? as %3F, @ as %40',
    )
  })

  test('may be behind the password', () => {
    expect(refusalOf('postgresql://app:pw@db.example.com/todo?sslmode=require#main')).toBe(
      'has an unescaped #: write it as %23',
    )
  })
})

describe('a parameter', () => {
  const host = 'db.example.com'

  test('comes before the rest of the URL, and the last of a name before the others', () => {
    const parameters = 'host=a.example.com&host=b.example.com&port=6543&dbname=tasks&user=ada&password=secret'
    expect(parseDatabaseUrl(`postgresql://app:pw@${host}:1/todo?${parameters}`)).toMatchObject({
      host: 'b.example.com',
      port: 6543,
      database: 'tasks',
      user: 'ada',
      password: 'secret',
      ignored: [],
    })
    expect(modeOf(host, '?sslmode=disable&sslmode=verify-full')).toBe('verify-full')
  })

  test('is percent-decoded, and its plus is a plus', () => {
    expect(parseDatabaseUrl(`postgresql://app@${host}/todo?password=a+b%2Bc%20%C3%AF`).password).toBe(
      'a+b+c ï',
    )
    expect(parseDatabaseUrl(`postgresql://app@${host}/todo?%70ort=1`).port).toBe(1)
    expect(parseDatabaseUrl(`postgresql://${host}/todo?user=app@org`).user).toBe('app@org')
  })

  test('may be all there is', () => {
    expect(
      parseDatabaseUrl('postgresql://?host=/run/postgresql&port=5433&dbname=todo&user=app&password=pw'),
    ).toMatchObject({ host: '/run/postgresql', port: 5433, database: 'todo', user: 'app', password: 'pw' })
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

  test('is require where JDBC’s ssl=true says so', () => {
    expect(modeOf('localhost', '?ssl=true')).toBe('require')
    expect(parseDatabaseUrl('postgresql://app@db.example.com/todo?ssl=true').ignored).toEqual([])
  })

  test('allow is no weaker than prefer', () => {
    expect(modeOf('db.example.com', '?sslmode=allow')).toBe('prefer')
  })

  test('is ignored for a Unix socket', () => {
    for (const mode of ['require', 'verify-full'])
      expect(modeOf('%2Frun%2Fpostgresql', `?sslmode=${mode}`)).toBe('disable')
  })

  test.each(['db.example.com', 'localhost', '127.0.0.1'])(
    'is verify-full for %s when channel_binding=require',
    (host) => {
      for (const mode of ['', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])
        expect(modeOf(host, `?channel_binding=require${mode && `&sslmode=${mode}`}`)).toBe('verify-full')
      expect(refusalOf(`postgresql://app:pw@${host}/todo?channel_binding=require&sslmode=disable`)).toBe(
        'must not say sslmode=disable: channel_binding=require needs TLS',
      )
    },
  )

  test.each(['prefer', 'disable'])('is what it says with channel_binding=%s', (binding) => {
    expect(modeOf('db.example.com', `?channel_binding=${binding}`)).toBe('require')
    expect(modeOf('localhost', `?channel_binding=${binding}`)).toBe('disable')
  })

  const neonHosts = [
    'ep-x.eu-central-1.aws.neon.tech',
    'ep-x-pooler.c-2.eu-central-1.aws.neon.tech',
    'ep-x.eastus2.azure.neon.tech',
    'ep-x.us-east-2.aws.neon.build',
    'EP-X.EU-CENTRAL-1.AWS.NEON.TECH',
    'ep-x.eu-central-1.aws.neon.tech.',
    'ep-x.eu-central-1.aws.neon.tech...',
    'ep-x%2Eneon%2Etech',
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

  test.each(['notneon.tech', 'neon.tech.example.com', 'ep-x.neon.technology', 'neonxtech'])(
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

  test('may say system, which is verify-full as for libpq', () => {
    expect(certificateOf('system')).toBeUndefined()
    expect(modeOf('localhost', '?sslrootcert=system')).toBe('verify-full')
    expect(refusalOf('postgresql://app:pw@localhost/todo?sslrootcert=system&sslmode=disable')).toBe(
      'must not say sslmode=disable: sslrootcert=system needs TLS',
    )
  })

  test('makes require verify the chain, as libpq does, and stands for require', () => {
    const file = write('authority', rootCertificates[0] ?? '')
    for (const host of ['db.example.com', 'localhost']) {
      expect(modeOf(host, `?sslrootcert=${file}`)).toBe('verify-ca')
      expect(modeOf(host, `?sslrootcert=${file}&sslmode=require`)).toBe('verify-ca')
      expect(modeOf(host, `?sslrootcert=${file}&sslmode=verify-full`)).toBe('verify-full')
      expect(modeOf(host, `?sslrootcert=${file}&sslmode=disable`)).toBe('disable')
    }
  })

  test('that is empty counts as absent', () => {
    expect(certificateOf('')).toBeUndefined()
    expect(modeOf('localhost', '?sslrootcert=')).toBe('disable')
  })

  test.each([
    ['', 'names an sslrootcert that holds no valid certificate'],
    ['not a certificate', 'names an sslrootcert that holds no valid certificate'],
    [
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      'names an sslrootcert that holds no valid certificate',
    ],
    [
      `${rootCertificates[0]}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      'names an sslrootcert that holds no valid certificate',
    ],
  ])('is refused unless the file holds certificates, all of them good: %j', (content, message) => {
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
