import { afterAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { clientAddress } from '../../src/auth/client-address.ts'
import { describeAccounts, newAddress } from '../support/accounts.ts'
import { apiOn } from '../support/api.ts'
import { engines } from '../support/engines.ts'

const behindProxy = (forwarded: string, peer = '192.0.2.1', trustProxy: number | string = 1) =>
  clientAddress(
    new Request('http://localhost/', { headers: { 'x-forwarded-for': forwarded } }),
    peer,
    trustProxy,
  )

describe('the address that a request is counted for', () => {
  const same: Record<string, [one: string, other: string]> = {
    'IPv6 addresses of one /64': ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    'one IPv6 address in two spellings': ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    'an IPv4 address and the same mapped into IPv6': ['198.51.100.7', '::ffff:198.51.100.7'],
    'an IPv4 address and the same mapped, in hexadecimal': ['198.51.100.7', '::ffff:c633:6407'],
    'an IPv4 address with and without a port': ['198.51.100.7', '198.51.100.7:50123'],
    'an IPv6 address with and without a port': ['2001:db8::1', '[2001:db8::1]:50123'],
    'an address with and without white space': ['198.51.100.7', '   198.51.100.7  '],
    'an address with other entries before it': ['198.51.100.7', '203.0.113.9, garbage,,198.51.100.7'],
    'link-local addresses in one zone': ['fe80::1%eth0', 'fe80::2%eth0'],
  }
  for (const [what, [one, other]] of Object.entries(same))
    test(`is one for ${what}`, () => expect(behindProxy(one)).toBe(behindProxy(other)))

  const different: Record<string, [one: string, other: string]> = {
    'two IPv4 addresses': ['198.51.100.7', '198.51.100.8'],
    'two mapped IPv4 addresses, though they are of one /64': ['::ffff:198.51.100.7', '::ffff:198.51.100.8'],
    'IPv6 addresses of two /64': ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    'two last entries after the same first': ['203.0.113.9, 198.51.100.7', '203.0.113.9, 198.51.100.8'],
  }
  for (const [what, [one, other]] of Object.entries(different))
    test(`is not one for ${what}`, () => expect(behindProxy(one)).not.toBe(behindProxy(other)))

  test('is the connection’s without the header, where its last entry is empty, and where no proxy is trusted', () => {
    expect(clientAddress(new Request('http://localhost/'), '192.0.2.1', 1)).toBe('192.0.2.1')
    expect(behindProxy('')).toBe('192.0.2.1')
    expect(behindProxy('198.51.100.7, ')).toBe('192.0.2.1')
    expect(behindProxy('198.51.100.7', '192.0.2.1', 0)).toBe('192.0.2.1')
    expect(behindProxy('198.51.100.7', '::ffff:192.0.2.1', 0)).toBe('192.0.2.1')
    expect(behindProxy('198.51.100.7', '2001:db8::1', 0)).toBe('2001:db8::')
  })

  test('is the connection’s where the entry is no address', () => {
    for (const garbage of [
      'unknown',
      '_hidden',
      'x'.repeat(10_000),
      '%',
      '::ffff:1.2.3',
      '1.2.3.4/8',
      '1.2.3',
      '0x7f.0.0.1',
      '2130706433',
      '1.2.3.256',
      '[',
      'é',
    ])
      expect([garbage, behindProxy(garbage)]).toEqual([garbage, '192.0.2.1'])
  })

  test('is the n-th entry from the end behind n proxies, over all fields of that name', () => {
    const entries = '203.0.113.9, 198.51.100.7, 192.0.2.7'
    expect(behindProxy(entries, '192.0.2.1', 1)).toBe('192.0.2.7')
    expect(behindProxy(entries, '192.0.2.1', 2)).toBe('198.51.100.7')
    expect(behindProxy(entries, '192.0.2.1', 3)).toBe('203.0.113.9')
    const headers = new Headers()
    for (const entry of ['203.0.113.9', '198.51.100.7,192.0.2.7']) headers.append('x-forwarded-for', entry)
    expect(clientAddress(new Request('http://localhost/', { headers }), '192.0.2.1', 3)).toBe('203.0.113.9')
  })

  test('is the connection’s where there are fewer entries than proxies', () => {
    expect(behindProxy('198.51.100.7', '192.0.2.1', 2)).toBe('192.0.2.1')
    expect(behindProxy('203.0.113.9, 198.51.100.7', '192.0.2.1', 3)).toBe('192.0.2.1')
  })

  test('is the value of the header that the platform sets, and not of what clients send', () => {
    const ask = (value: string) =>
      clientAddress(
        new Request('http://localhost/', {
          headers: { 'fly-client-ip': value, 'x-forwarded-for': '203.0.113.9' },
        }),
        '192.0.2.1',
        'fly-client-ip',
      )
    expect(ask('198.51.100.7')).toBe('198.51.100.7')
    expect(ask('[2001:db8::1]:50123')).toBe('2001:db8::')
    expect(ask('')).toBe('192.0.2.1')
    expect(ask('198.51.100.7, 198.51.100.8')).toBe('192.0.2.1')
    expect(behindProxy('203.0.113.9', '192.0.2.1', 'fly-client-ip')).toBe('192.0.2.1')
  })
})

describeAccounts(
  'behind a trusted proxy',
  ({ logIn }) => {
    test('clients are told apart by the last entry, which the proxy wrote, not by what they claim', async () => {
      const from = newAddress()
      for (let count = 0; count < 2; count++)
        expect((await logIn({}, { from: `${newAddress()}, ${from}` })).status).toBe(400)
      expect((await logIn({}, { from: `${newAddress()}, ${from}` })).status).toBe(429)
      expect((await logIn({}, { from: `${from}, ${newAddress()}` })).status).toBe(400)
    })

    test('the addresses of one IPv6 /64 have one limit', async () => {
      const hex = () => Math.floor(Math.random() * 65_536).toString(16)
      const network = `2001:db8:${hex()}:${hex()}`
      const statuses = []
      for (const end of ['::1', ':a:b:c:d', ':ffff::'])
        statuses.push((await logIn({}, { from: `${network}${end}` })).status)
      expect(statuses).toEqual([400, 400, 429])
    })

    test('garbage instead of an address is no way past, and no failure', async () => {
      const statuses = []
      for (let count = 0; count < 3; count++)
        statuses.push((await logIn({}, { from: `garbage-${crypto.randomUUID()}` })).status)
      expect(statuses.filter((status) => status !== 400 && status !== 429)).toEqual([])
      expect(statuses.at(-1)).toBe(429)
    })
  },
  { authRateLimit: 2 },
)

for (const engine of engines().filter(({ isServer }) => !isServer))
  describe('without a trusted proxy', () => {
    const { app, logged } = apiOn(engine, { authRateLimit: 2 })
    app.listen({ port: 0, hostname: '127.0.0.1' })
    const port = app.server?.port ?? 0
    afterAll(() => app.stop(true))

    /** The status of the answer to a request whose head is exactly these lines. */
    const statusOf = (...lines: string[]): Promise<number> =>
      new Promise((resolve, reject) => {
        const head = [...lines, 'Content-Type: application/json', 'Content-Length: 2', 'Connection: close']
        const socket = connect(port, '127.0.0.1', () => socket.write(`${head.join('\r\n')}\r\n\r\n{}`))
        let answer = ''
        socket.on('data', (data) => {
          answer += data
        })
        socket.on('error', reject)
        socket.on('end', () => resolve(Number(/^HTTP\/1.1 (\d{3})/.exec(answer)?.[1])))
      })

    test('a client is counted for the address of its connection, whatever it claims', async () => {
      const claim = () => `X-Forwarded-For: ${newAddress()}`
      const logIn = 'POST /api/auth/login HTTP/1.1'
      expect(await statusOf(logIn, 'Host: localhost', claim())).toBe(400)
      expect(await statusOf(logIn, 'Host: localhost', claim())).toBe(400)
      expect(await statusOf(logIn, 'Host: localhost', claim())).toBe(429)
      expect(await statusOf(logIn, 'Host: localhost', claim(), 'Forwarded: for=192.0.2.1')).toBe(429)
    })

    test('that a proxy’s header arrives is said once, with what to do', () => {
      const warnings = logged().filter(({ message }) => String(message).includes('X-Forwarded-For'))
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toMatchObject({ level: 'warn' })
      expect(warnings[0]?.message).toContain('Set TRUST_PROXY')
    })

    test('a strange Host, or none, is no way past the limit', async () => {
      const signUp = 'POST /api/auth/signup HTTP/1.1'
      expect(await statusOf(signUp, 'Host: localhost')).toBe(400)
      expect(await statusOf(signUp, 'Host: a:b:c')).toBe(400)
      expect(await statusOf(signUp, 'Host: localhost')).toBe(429)
      expect(await statusOf(signUp, 'Host: a:b:c')).toBe(429)
      expect(await statusOf(signUp, 'Host: ')).toBe(429)
      expect(await statusOf('POST /api/auth/signup HTTP/1.0')).toBe(429)
    })
  })
