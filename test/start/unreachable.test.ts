import { describe, expect, test } from 'bun:test'
import { createServer, type Server, type Socket } from 'node:net'
import { loadConfig } from '../../src/config.ts'
import { DatabaseStartError, databaseSource, prepareDatabase } from '../../src/db/source.ts'
import { createLog } from '../../src/log.ts'
import { freePort } from '../support/ports.ts'

/** A database that does not come: tried for a while, then told. The 30 s are shortened here. */

const prepare = async (DATABASE_URL: string, giveUpAfterMs: number) => {
  let written = ''
  const log = createLog({ level: 'info', format: 'text', write: (chunk) => (written += chunk) })
  const source = databaseSource(loadConfig({ DATABASE_URL }), log)
  const failure = await prepareDatabase(source, { migrateOnStart: true, log, giveUpAfterMs }).catch(
    (error) => error,
  )
  return { failure, written }
}

const listen = async (take: (socket: Socket) => void): Promise<Server & AsyncDisposable> => {
  const port = await freePort()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    take(socket)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return Object.assign(server, {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
}

/** PostgreSQL's message `ErrorResponse`. */
const WRONG_PASSWORD = (() => {
  const fields = Buffer.from('SFATAL\0C28P01\0Mwrong\0\0')
  const head = Buffer.from('E\0\0\0\0')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
})()

const portOf = (server: Server): number => (server.address() as { port: number }).port

describe('a database that cannot be reached', () => {
  test('is tried again and again, and then given up with the reason', async () => {
    const port = await freePort()
    const { failure, written } = await prepare(`postgres://app:pass-word@127.0.0.1:${port}/todo`, 600)
    expect(failure).toBeInstanceOf(DatabaseStartError)
    expect(failure.message).toStartWith('The database could not be reached within 0.6 s: ')
    expect(failure.message).toContain('(ECONNREFUSED)')
    expect(written.match(/cannot be reached yet/g)).toHaveLength(1)
    expect(failure.message + written).not.toContain('pass-word')
  })

  test('is given up as well when it takes connections and says nothing', async () => {
    let connections = 0
    await using server = await listen(() => (connections += 1))
    const { failure } = await prepare(`postgres://app:pw@127.0.0.1:${portOf(server)}/todo`, 600)
    expect(failure).toBeInstanceOf(DatabaseStartError)
    expect(failure.message).toBe('The database could not be reached within 0.6 s: no answer')
    // Attempts overlap while none succeeds.
    expect(connections).toBe(2)
  })

  test('is tried anew while it cuts connections off, until it answers', async () => {
    let connections = 0
    await using server = await listen((socket) => {
      connections += 1
      if (connections < 4) socket.destroy()
      else socket.once('data', () => socket.write(WRONG_PASSWORD))
    })
    const { failure } = await prepare(`postgres://app:pw@127.0.0.1:${portOf(server)}/todo`, 30_000)
    expect(failure).toBeInstanceOf(DatabaseStartError)
    expect(failure.message).toBe(
      'The database cannot be used: wrong user or password (28P01): correct them in DATABASE_URL',
    )
    expect(connections).toBe(4)
  })
})

describe('a server without TLS', () => {
  test('never gets a word in the clear where sslmode is require', async () => {
    const received: Buffer[] = []
    await using server = await listen((socket) =>
      socket.on('data', (chunk: Buffer) => {
        received.push(chunk)
        // "No" to the request for TLS; the server speaks only in the clear.
        if (chunk.length === 8) socket.write('N')
        else socket.destroy()
      }),
    )
    for (const query of ['sslmode=require', 'sslmode=verify-ca', 'sslmode=verify-full']) {
      const url = `postgres://secret-user:pass-word@127.0.0.1:${portOf(server)}/secret-database?${query}`
      const { failure } = await prepare(url, 400)
      expect(failure).toBeInstanceOf(DatabaseStartError)
    }
    const text = Buffer.concat(received).toString('latin1')
    expect(received.length).toBeGreaterThan(0)
    expect(text).not.toContain('secret-user')
    expect(text).not.toContain('secret-database')
  })
})
