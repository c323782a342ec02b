import { describe, expect, test } from 'bun:test'
import { type Config, ConfigError, loadConfig } from '../../src/config.ts'

/** Every variable: its default, what it takes, and what it does not. */

/** What is wrong with the environment, or nothing. */
const problemsOf = (variables: Record<string, string>): string[] => {
  try {
    loadConfig(variables)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

/** A production environment with nothing wrong. */
const PRODUCTION = {
  ENVIRONMENT: 'production',
  DATABASE_URL: 'postgresql://app:pw@db.example.com/todo',
  BETTER_AUTH_SECRET: 'x'.repeat(32),
}
const KEYS = {
  JWKS_URL: 'https://app.example.com/api/auth/jwks',
  JWT_ISSUER: 'https://app.example.com',
  JWT_AUDIENCE: 'https://app.example.com',
}

const DEFAULTS: Config = {
  environment: 'development',
  host: '::',
  port: 8000,
  database: undefined,
  databaseSchema: 'public',
  dataDir: '.data',
  databasePoolMax: 10,
  databaseTimeoutMs: 5000,
  databasePrepare: true,
  migrateOnStart: true,
  authSecret: undefined,
  jwksUrl: undefined,
  jwtIssuer: undefined,
  jwtAudience: undefined,
  signupEnabled: true,
  tokenTtlSeconds: 86_400,
  authRateLimit: 20,
  trustProxy: 0,
  corsOrigins: ['http://localhost:3000'],
  validationErrorStatus: 400,
  deleteStatus: 204,
  maxBodyBytes: 65_536,
  metricsToken: undefined,
  serverTiming: true,
  logLevel: 'info',
  shutdownTimeoutMs: 10_000,
  warnings: [],
}

const EVERY_VARIABLE = [
  'DATABASE_URL',
  'Neon_db_url',
  'DATABASE_SCHEMA',
  'DATA_DIR',
  'BETTER_AUTH_SECRET',
  'JWKS_URL',
  'JWT_ISSUER',
  'JWT_AUDIENCE',
  'PORT',
  'HOST',
  'ENVIRONMENT',
  'NODE_ENV',
  'CORS_ORIGINS',
  'SIGNUP_ENABLED',
  'TOKEN_TTL_SECONDS',
  'AUTH_RATE_LIMIT',
  'MIGRATE_ON_START',
  'VALIDATION_ERROR_STATUS',
  'DELETE_STATUS',
  'TRUST_PROXY',
  'MAX_BODY_BYTES',
  'DATABASE_POOL_MAX',
  'DATABASE_TIMEOUT_MS',
  'DATABASE_PREPARE',
  'METRICS_TOKEN',
  'SERVER_TIMING',
  'LOG_LEVEL',
  'SHUTDOWN_TIMEOUT_MS',
]

/** What shells, systemd, containers, Kubernetes, CI, platforms, front ends and sister backends set. */
const OTHERS_VARIABLES = `
  HOME HOSTNAME HOSTTYPE USER LOGNAME SHELL SHLVL PATH PWD OLDPWD LANG LC_ALL TZ TERM COLORTERM EDITOR MAIL DISPLAY TMPDIR
  XDG_RUNTIME_DIR XDG_DATA_DIRS XDG_DATA_HOME SSH_AUTH_SOCK SSH_CONNECTION INVOCATION_ID JOURNAL_STREAM SYSTEMD_EXEC_PID
  KUBERNETES_PORT KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT TODO_BACKEND_PORT TODO_BACKEND_SERVICE_HOST POD_IP
  CI GITHUB_ACTIONS GITHUB_TOKEN RUNNER_OS NODE_OPTIONS NODE_PATH NODE_VERSION NODE_EXTRA_CA_CERTS BUN_INSTALL
  npm_config_cache npm_package_name npm_lifecycle_event HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE VERCEL_URL
  FLY_APP_NAME RENDER_SERVICE_ID RAILWAY_ENVIRONMENT DYNO WEB_CONCURRENCY
  PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSSLMODE PGDATA POSTGRES_URL POSTGRES_PASSWORD POSTGRES_HOST POSTGRES_DB
  DATABASE DATABASE_HOST DATABASE_PORT DATABASE_NAME DATABASE_URL_UNPOOLED DIRECT_URL DB_URL DB_HOST DB_PORT REDIS_URL
  BETTER_AUTH_URL BETTER_AUTH_TRUSTED_ORIGINS NEXT_PUBLIC_API_URL NEXTAUTH_SECRET NEXTAUTH_URL AUTH_SECRET SECRET_KEY
  JWT_SECRET JWT_ALGORITHM ALGORITHM ACCESS_TOKEN_EXPIRE_MINUTES ALLOWED_ORIGINS FRONTEND_URL DEBUG
  API_HOST API_PORT OPENAI_API_KEY SENTRY_DSN OTEL_EXPORTER_OTLP_ENDPOINT LOG_FORMAT APP_ENV ENV`
  .trim()
  .split(/\s+/)

describe('the configuration', () => {
  test('has a default for everything', () => {
    expect(loadConfig({})).toEqual(DEFAULTS)
  })

  test('takes an empty variable for an absent one', () => {
    expect(loadConfig(Object.fromEntries(EVERY_VARIABLE.map((name) => [name, ''])))).toEqual(DEFAULTS)
  })

  test('does not care about variables that are not its own', () => {
    expect(loadConfig({ port: '1', HOSTNAME: 'x', DATABASE: 'x', SECRET: 'x' })).toEqual(DEFAULTS)
  })

  test('is what the variables say', () => {
    expect(
      loadConfig({
        ENVIRONMENT: 'staging',
        HOST: '127.0.0.1',
        PORT: '9000',
        DATABASE_SCHEMA: 'todo',
        DATA_DIR: '/var/lib/todo',
        DATABASE_POOL_MAX: '3',
        DATABASE_TIMEOUT_MS: '1500',
        DATABASE_PREPARE: 'false',
        MIGRATE_ON_START: 'false',
        BETTER_AUTH_SECRET: 's'.repeat(40),
        ...KEYS,
        SIGNUP_ENABLED: 'false',
        TOKEN_TTL_SECONDS: '60',
        AUTH_RATE_LIMIT: '5',
        TRUST_PROXY: 'true',
        CORS_ORIGINS: 'https://a.example.com,http://localhost:5173',
        VALIDATION_ERROR_STATUS: '422',
        DELETE_STATUS: '200',
        MAX_BODY_BYTES: '1000',
        METRICS_TOKEN: '0123456789abcdef',
        SERVER_TIMING: 'true',
        LOG_LEVEL: 'debug',
        SHUTDOWN_TIMEOUT_MS: '2000',
      }),
    ).toEqual({
      environment: 'staging',
      host: '127.0.0.1',
      port: 9000,
      database: undefined,
      databaseSchema: 'todo',
      dataDir: '/var/lib/todo',
      databasePoolMax: 3,
      databaseTimeoutMs: 1500,
      databasePrepare: false,
      migrateOnStart: false,
      authSecret: 's'.repeat(40),
      jwksUrl: new URL(KEYS.JWKS_URL),
      jwtIssuer: KEYS.JWT_ISSUER,
      jwtAudience: KEYS.JWT_AUDIENCE,
      signupEnabled: false,
      tokenTtlSeconds: 60,
      authRateLimit: 5,
      trustProxy: 1,
      corsOrigins: ['https://a.example.com', 'http://localhost:5173'],
      validationErrorStatus: 422,
      deleteStatus: 200,
      maxBodyBytes: 1000,
      metricsToken: '0123456789abcdef',
      serverTiming: true,
      logLevel: 'debug',
      shutdownTimeoutMs: 2000,
      warnings: [],
    })
  })
})

describe('a variable that is not known', () => {
  const warningOf = (name: string, meant: string) =>
    `${name} is no variable of this service: if ${meant} is meant, correct the name`

  test.each([
    ['DATABSE_URL', 'DATABASE_URL'],
    ['DATABASE_URLS', 'DATABASE_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATABASEURL', 'DATABASE_URL'],
    ['DATABAES_URL', 'DATABASE_URL'],
    ['ADTABASE_URL', 'DATABASE_URL'],
    ['DATABASE_ULR', 'DATABASE_URL'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['BETTER_AUTH_SERCET', 'BETTER_AUTH_SECRET'],
    ['Neon_db_ur', 'Neon_db_url'],
    ['XPORT', 'PORT'],
  ])('is told of when its name is nearly one that is: %s', (name, meant) => {
    expect(loadConfig({ [name]: 'x' }).warnings).toEqual([warningOf(name, meant)])
    expect(
      loadConfig({ [name]: 'x', DATABASE_URL: 'postgresql://app@db.example.com/todo' }).warnings,
    ).toEqual([warningOf(name, meant)])
  })

  test('is told of with the problems when there are any', () => {
    expect(problemsOf({ ...PRODUCTION, DATABASE_URL: '', DATABSE_URL: 'hidden-url' })).toEqual([
      'DATABASE_URL is required in production: give the connection string of a PostgreSQL server',
      warningOf('DATABSE_URL', 'DATABASE_URL'),
    ])
  })

  test('is none of this service’s business otherwise', () => {
    for (const name of EVERY_VARIABLE)
      expect([
        name,
        problemsOf({ [name]: name }).filter((problem) => problem.includes('is no variable')),
      ]).toEqual([name, []])
    expect(
      loadConfig({ DATABSE_URL: '', DATBSE_URL: 'x', database_url: 'x', ORIGINS: 'x' }).warnings,
    ).toEqual([])
    expect(loadConfig(Object.fromEntries(OTHERS_VARIABLES.map((name) => [name, 'x']))).warnings).toEqual([])
  })
})

describe('a number', () => {
  const numbers: [string, keyof Config, number, number][] = [
    ['PORT', 'port', 0, 65_535],
    ['TOKEN_TTL_SECONDS', 'tokenTtlSeconds', 1, 31_536_000],
    ['AUTH_RATE_LIMIT', 'authRateLimit', 1, 1_000_000],
    ['MAX_BODY_BYTES', 'maxBodyBytes', 1, 1_073_741_824],
    ['DATABASE_POOL_MAX', 'databasePoolMax', 1, 1000],
    ['DATABASE_TIMEOUT_MS', 'databaseTimeoutMs', 100, 60_000],
    ['SHUTDOWN_TIMEOUT_MS', 'shutdownTimeoutMs', 1, 600_000],
  ]

  test.each(numbers)('in %s has bounds', (name, field, minimum, maximum) => {
    const problem = `${name} must be a whole number from ${minimum} to ${maximum}`
    expect(loadConfig({ [name]: String(minimum) })[field]).toBe(minimum)
    expect(loadConfig({ [name]: String(maximum) })[field]).toBe(maximum)
    expect(loadConfig({ [name]: ` ${maximum} ` })[field]).toBe(maximum)
    expect(problemsOf({ [name]: String(minimum - 1) })).toEqual([problem])
    expect(problemsOf({ [name]: String(maximum + 1) })).toEqual([problem])
  })

  test.each(numbers)('in %s is one in decimal digits', (name, _field, minimum, maximum) => {
    for (const text of ['many', '1.5', '1e3', '0x10', '-1', '+1', '1_000', '1,000', 'NaN', 'Infinity', '10s'])
      expect(problemsOf({ [name]: text })).toEqual([
        `${name} must be a whole number from ${minimum} to ${maximum}`,
      ])
  })
})

describe('a boolean', () => {
  const booleans: [string, keyof Config][] = [
    ['SIGNUP_ENABLED', 'signupEnabled'],
    ['SERVER_TIMING', 'serverTiming'],
    ['MIGRATE_ON_START', 'migrateOnStart'],
    ['DATABASE_PREPARE', 'databasePrepare'],
  ]

  test.each(booleans)('in %s is true or false and nothing else', (name, field) => {
    expect(loadConfig({ [name]: 'true' })[field]).toBe(true)
    expect(loadConfig({ [name]: 'false' })[field]).toBe(false)
    for (const text of ['1', '0', 'yes', 'no', 'on', 'off', 'TRUE', 'False', 't'])
      expect(problemsOf({ [name]: text })).toEqual([`${name} must be true or false`])
  })
})

describe('a choice', () => {
  test.each(['debug', 'info', 'warn', 'error', 'silent'] as const)('LOG_LEVEL may be %s', (level) => {
    expect(loadConfig({ LOG_LEVEL: level }).logLevel).toBe(level)
  })

  test('that is none of the listed is refused', () => {
    expect(problemsOf({ LOG_LEVEL: 'verbose' })).toEqual([
      'LOG_LEVEL must be one of debug, info, warn, error, silent',
    ])
    expect(problemsOf({ VALIDATION_ERROR_STATUS: '418' })).toEqual([
      'VALIDATION_ERROR_STATUS must be one of 400, 422',
    ])
    expect(problemsOf({ DELETE_STATUS: '202' })).toEqual(['DELETE_STATUS must be one of 204, 200'])
  })
})

describe('ENVIRONMENT', () => {
  test.each(['development', 'test', 'staging'] as const)('may be %s', (environment) => {
    expect(loadConfig({ ENVIRONMENT: environment }).environment).toBe(environment)
  })

  test('may be production', () => {
    expect(loadConfig(PRODUCTION).environment).toBe('production')
  })

  test('comes before NODE_ENV, which stands in for it', () => {
    expect(loadConfig({ NODE_ENV: 'test' }).environment).toBe('test')
    expect(loadConfig({ ENVIRONMENT: '', NODE_ENV: 'staging' }).environment).toBe('staging')
    expect(loadConfig({ ENVIRONMENT: 'staging', NODE_ENV: 'production' }).environment).toBe('staging')
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'DATABASE_URL is required in production: give the connection string of a PostgreSQL server',
      'BETTER_AUTH_SECRET or JWKS_URL is required in production',
    ])
  })

  test('that is unknown is refused by the name of the variable that says it', () => {
    const choices = 'must be one of development, test, staging, production'
    expect(problemsOf({ ENVIRONMENT: 'prod' })).toEqual([`ENVIRONMENT ${choices}`])
    expect(problemsOf({ ENVIRONMENT: 'Production' })).toEqual([`ENVIRONMENT ${choices}`])
    expect(problemsOf({ NODE_ENV: 'prod' })).toEqual([`NODE_ENV ${choices}`])
  })
})

describe('production', () => {
  test('needs a database and a secret or a key set', () => {
    expect(problemsOf({ ENVIRONMENT: 'production' })).toEqual([
      'DATABASE_URL is required in production: give the connection string of a PostgreSQL server',
      'BETTER_AUTH_SECRET or JWKS_URL is required in production',
    ])
    expect(problemsOf(PRODUCTION)).toEqual([])
  })

  test('takes the database under its other name', () => {
    const { DATABASE_URL, ...rest } = PRODUCTION
    expect(problemsOf({ ...rest, Neon_db_url: DATABASE_URL })).toEqual([])
  })

  test('takes a key set in place of a secret', () => {
    const { BETTER_AUTH_SECRET: _secret, ...rest } = PRODUCTION
    expect(problemsOf({ ...rest, ...KEYS })).toEqual([])
  })

  test('is not satisfied by what is empty', () => {
    expect(problemsOf({ ENVIRONMENT: 'production', DATABASE_URL: ' ', BETTER_AUTH_SECRET: '' })).toEqual([
      'DATABASE_URL is required in production: give the connection string of a PostgreSQL server',
      'BETTER_AUTH_SECRET or JWKS_URL is required in production',
    ])
  })
})

describe('BETTER_AUTH_SECRET', () => {
  test('has at least 32 characters', () => {
    expect(loadConfig({ BETTER_AUTH_SECRET: 'x'.repeat(32) }).authSecret).toBe('x'.repeat(32))
    expect(problemsOf({ BETTER_AUTH_SECRET: 'x'.repeat(31) })).toEqual([
      'BETTER_AUTH_SECRET must have at least 32 characters, as `openssl rand -base64 32` makes them',
    ])
    expect(problemsOf({ BETTER_AUTH_SECRET: '😀'.repeat(31) })).toEqual([
      'BETTER_AUTH_SECRET must have at least 32 characters, as `openssl rand -base64 32` makes them',
    ])
  })

  test('is taken as it is, since the other side does not trim it either', () => {
    const secret = ` ${'x'.repeat(32)} `
    expect(loadConfig({ BETTER_AUTH_SECRET: secret }).authSecret).toBe(secret)
  })
})

describe('JWKS_URL', () => {
  test('needs JWT_ISSUER and JWT_AUDIENCE', () => {
    const { JWKS_URL, JWT_ISSUER, JWT_AUDIENCE } = KEYS
    expect(problemsOf({ JWKS_URL })).toEqual([
      'JWT_ISSUER is required with JWKS_URL: give the iss of the tokens',
      'JWT_AUDIENCE is required with JWKS_URL: give the aud of the tokens',
    ])
    expect(problemsOf({ JWKS_URL, JWT_ISSUER, JWT_AUDIENCE: '' })).toEqual([
      'JWT_AUDIENCE is required with JWKS_URL: give the aud of the tokens',
    ])
    expect(problemsOf({ JWKS_URL, JWT_ISSUER, JWT_AUDIENCE })).toEqual([])
    expect(problemsOf({ JWT_ISSUER, JWT_AUDIENCE })).toEqual([])
  })

  const problemsIn = (environment: Record<string, string>, url: string) =>
    problemsOf({ ...environment, ...KEYS, JWKS_URL: url })

  test.each([
    'https://app.example.com/jwks',
    'http://localhost:3000/jwks',
    'http://127.0.0.1/jwks',
    'http://[::1]/jwks',
  ])('may be this in production: %s', (url) => {
    expect(problemsIn(PRODUCTION, url)).toEqual([])
  })

  test.each([
    'http://app.example.com/jwks',
    'http://10.0.0.1/jwks',
    'http://localhost.example.com/jwks',
    'http://127.0.0.1.example.com/jwks',
    'http://[::2]/jwks',
    'ftp://app.example.com/jwks',
    'file:///etc/jwks.json',
    'data:application/json,{}',
  ])('may not be this in production: %s', (url) => {
    expect(problemsIn(PRODUCTION, url)).toEqual([
      'JWKS_URL must be an https: URL, or http: to a loopback host, in production',
    ])
  })

  test.each(['development', 'test', 'staging'])('may be http: to any host in %s', (ENVIRONMENT) => {
    expect(problemsIn({ ENVIRONMENT }, 'http://app.example.com/jwks')).toEqual([])
    for (const url of ['ftp://app.example.com/jwks', 'file:///etc/jwks.json'])
      expect(problemsIn({ ENVIRONMENT }, url)).toEqual(['JWKS_URL must be an https: or http: URL'])
  })

  test.each(['app.example.com/jwks', '/api/auth/jwks', 'https://', 'nonsense'])(
    'has to be a URL: %s',
    (url) => {
      expect(problemsIn({}, url)).toEqual([
        'JWKS_URL must be a whole URL, such as https://app.example.com/api/auth/jwks',
      ])
    },
  )
})

describe('TRUST_PROXY', () => {
  test.each([
    ['false', 0],
    ['true', 1],
    ['1', 1],
    ['2', 2],
    ['99', 99],
    ['Fly-Client-IP', 'fly-client-ip'],
    ['CF-Connecting-IP', 'cf-connecting-ip'],
    ['X-Real-IP', 'x-real-ip'],
  ])('is a number of proxies or a header: %s', (TRUST_PROXY, trustProxy) => {
    expect(loadConfig({ TRUST_PROXY }).trustProxy).toBe(trustProxy)
  })

  const problem =
    'TRUST_PROXY must be true, false, the number of proxies (1 to 99), or the name of a header with a hyphen, ' +
    'such as Fly-Client-IP'
  test.each([
    ['yes', problem],
    ['TRUE', problem],
    ['0', problem],
    ['-1', problem],
    ['1.5', problem],
    ['100', problem],
    ['Forwarded', problem],
    ['X-Real-IP, CF-Connecting-IP', problem],
    ['127.0.0.1', problem],
    ['X-Forwarded-For', 'TRUST_PROXY must be true or the number of proxies that append to X-Forwarded-For'],
  ])('is nothing else, such as %s', (TRUST_PROXY, told) => {
    expect(problemsOf({ TRUST_PROXY })).toEqual([told])
  })
})

describe('CORS_ORIGINS', () => {
  test('is a list with commas', () => {
    expect(
      loadConfig({ CORS_ORIGINS: ' https://a.example.com , http://b.example.com:8080,' }).corsOrigins,
    ).toEqual(['https://a.example.com', 'http://b.example.com:8080'])
  })

  test('may have the origins of apps and extensions', () => {
    const origins = [
      'capacitor://localhost',
      'ionic://localhost',
      'tauri://localhost',
      'app://obsidian.md',
      'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
      'moz-extension://0a2f6c1e-8f0b-4c57-9e55-2f5b4f3f7d10',
      'safari-web-extension://0A2F6C1E-8F0B-4C57-9E55-2F5B4F3F7D10',
      'http://tauri.localhost',
      'http://[::1]:3000',
    ]
    expect(loadConfig({ CORS_ORIGINS: origins.join() }).corsOrigins).toEqual(origins)
  })

  const EXACT = 'must be exact origins, such as https://app.example.com'
  const STAR = 'must not have *: name each origin'
  const SLASH = 'must not end with a slash: browsers send an origin without one'
  const PATH = 'must end after the host and the port: an origin has no path'
  const SCHEME = 'must begin with a scheme, such as https:// or capacitor://'
  const COMMAS = 'must be separated by commas'
  test.each([
    ['*', STAR],
    ['https://a.example.com,*', STAR],
    ['https://*.example.com', STAR],
    ['chrome-extension://*', STAR],
    ['https://a.example.com/', SLASH],
    ['capacitor://localhost/', SLASH],
    ['https://a.example.com/app', PATH],
    ['https://a.example.com/app/', PATH],
    ['https://a.example.com?x', PATH],
    ['capacitor://localhost#x', PATH],
    ['https://A.example.com', 'must be in lower case, as browsers send it'],
    ['HTTPS://a.example.com', 'must be in lower case, as browsers send it'],
    ['https://a.example.com:443', 'must leave out the default port, as browsers do'],
    ['http://a.example.com:80', 'must leave out the default port, as browsers do'],
    ['https://user@a.example.com', 'must have no user and no password'],
    ['a.example.com', SCHEME],
    ['localhost:3000', SCHEME],
    ['//a.example.com', SCHEME],
    ['null', 'must not have null, which any page can send: name the origins'],
    ['https://a.example.com https://b.example.com', COMMAS],
    ['https://a.example.com;https://b.example.com', COMMAS],
    ['["https://a.example.com"]', `${COMMAS}, without brackets and quotes`],
    ["'https://a.example.com'", `${COMMAS}, without brackets and quotes`],
    ['wss://a.example.com', EXACT],
    ['file://', EXACT],
    ['https://', EXACT],
    ['https://a.example.com:99999', EXACT],
    ['https://b\u00fccher.example', EXACT],
  ])('has exact origins only, and says of %s what to do', (CORS_ORIGINS, advice) => {
    expect(problemsOf({ CORS_ORIGINS })).toEqual([`CORS_ORIGINS ${advice}`])
  })

  test('tells each mistake once', () => {
    expect(problemsOf({ CORS_ORIGINS: 'http://a/,http://b/,http://c/d' })).toEqual([
      `CORS_ORIGINS ${SLASH}`,
      `CORS_ORIGINS ${PATH}`,
    ])
  })
})

describe('DATABASE_URL', () => {
  test('wins over Neon_db_url, which is the same under another name', () => {
    const first = 'postgresql://app@first.example.com/todo'
    const second = 'postgresql://app@second.example.com/todo'
    expect(loadConfig({ DATABASE_URL: first, Neon_db_url: second }).database?.host).toBe('first.example.com')
    expect(loadConfig({ DATABASE_URL: '', Neon_db_url: second }).database?.host).toBe('second.example.com')
    expect(loadConfig({ Neon_db_url: second }).database?.host).toBe('second.example.com')
    expect(loadConfig({ DATABASE_URL: first, Neon_db_url: 'nonsense' }).database?.host).toBe(
      'first.example.com',
    )
  })

  test('that is wrong is told by the name it was given under', () => {
    expect(problemsOf({ DATABASE_URL: 'nonsense' })).toEqual([
      'DATABASE_URL is not a postgresql:// connection string: write postgresql://user:password@host/database',
    ])
    expect(problemsOf({ Neon_db_url: 'nonsense' })).toEqual([
      'Neon_db_url is not a postgresql:// connection string: write postgresql://user:password@host/database',
    ])
  })
})

describe('what is wrong', () => {
  const wrong = {
    ENVIRONMENT: 'wrong-environment',
    DATABASE_URL: 'mysql://user:wrong-password@host/db',
    BETTER_AUTH_SECRET: 'wrong-secret',
    JWKS_URL: 'gopher://wrong-user:wrong-key@host',
    PORT: 'wrong-port',
    CORS_ORIGINS: 'wrong-origin',
    SIGNUP_ENABLED: 'wrong-signup',
    TOKEN_TTL_SECONDS: 'wrong-ttl',
    AUTH_RATE_LIMIT: 'wrong-limit',
    MIGRATE_ON_START: 'wrong-migrate',
    VALIDATION_ERROR_STATUS: 'wrong-status',
    DELETE_STATUS: 'wrong-delete',
    TRUST_PROXY: 'wrong',
    MAX_BODY_BYTES: 'wrong-bytes',
    DATABASE_POOL_MAX: 'wrong-pool',
    DATABASE_TIMEOUT_MS: 'wrong-timeout',
    DATABASE_PREPARE: 'wrong-prepare',
    LOG_LEVEL: 'wrong-level',
    SHUTDOWN_TIMEOUT_MS: 'wrong-shutdown',
  }

  test('is told all at once, by name, and without a value', () => {
    const problems = problemsOf(wrong)
    for (const name of [...Object.keys(wrong), 'JWT_ISSUER', 'JWT_AUDIENCE'])
      expect(problems.filter((problem) => problem.startsWith(`${name} `))).toHaveLength(1)
    expect(problems.join('\n')).not.toContain('wrong')
  })
})

describe('METRICS_TOKEN', () => {
  test('has at least 16 characters: who guesses it reads the metrics', () => {
    expect(loadConfig({ METRICS_TOKEN: '0123456789abcdef' }).metricsToken).toBe('0123456789abcdef')
    for (const METRICS_TOKEN of ['01234567', '0123456789abcde'])
      expect(() => loadConfig({ METRICS_TOKEN })).toThrow('METRICS_TOKEN must have at least 16 characters')
  })
})
