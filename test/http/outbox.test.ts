import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { createOutbox, type Outbox } from '../../src/http/outbox.ts'
import { until } from '../support/until.ts'

const PAGE = 'ä'.repeat(500_000)
const PAGE_BYTES = 1_000_000

const refusalOf = (outbox: Outbox, userId: string, length = PAGE.length): unknown => {
  try {
    outbox.admit(userId, () => length)
    return undefined
  } catch (error) {
    return error
  }
}

const textOf = (outbox: Outbox, content: string | Uint8Array<ArrayBuffer>, userId: string) =>
  new Response(outbox.body(content, userId)).text()

describe('an outbox', () => {
  const outboxWith = (pages: number, pagesOfOne: number) =>
    createOutbox({ maxBytes: pages * PAGE_BYTES, maxBytesOfOne: pagesOfOne * PAGE_BYTES })

  test('leaves what is small as it is, and counts nothing', () => {
    const outbox = outboxWith(1, 1)
    const small = 'x'.repeat(65_535)
    expect(outbox.body(small, 'ann')).toBe(small)
    expect(outbox.bytes()).toBe(0)
  })

  test('gives what is large unchanged, whatever its length', async () => {
    const outbox = outboxWith(10, 10)
    for (const length of [65_536, 65_537, 131_071, 131_072, 131_073, 1_000_001]) {
      const content = Array.from({ length }, (_, at) => String.fromCharCode(97 + (at % 26))).join('')
      expect(await textOf(outbox, content, 'ann')).toBe(content)
      expect(await textOf(outbox, Buffer.from(content), 'ann')).toBe(content)
    }
    expect(await textOf(outbox, PAGE, 'ann')).toBe(PAGE)
    expect(outbox.bytes()).toBe(0)
  })

  test('refuses a user too much of whose is not sent yet, and nobody else', async () => {
    const outbox = outboxWith(10, 2)
    const pages = [1, 2].map(() => new Response(outbox.body(PAGE, 'ann')))
    expect(refusalOf(outbox, 'ann')).toMatchObject({
      code: 'unavailable',
      reason: "too much of one user's has not been read yet",
      headers: { 'retry-after': '1' },
    })
    expect(refusalOf(outbox, 'ben')).toBeUndefined()
    await pages[0]?.text()
    expect(refusalOf(outbox, 'ann')).toBeUndefined()
    await pages[1]?.body?.cancel()
    expect(outbox.bytes()).toBe(0)
  })

  test('refuses large answers to everybody, and small ones to nobody, when too much is not sent yet in all', async () => {
    const outbox = outboxWith(2, 2)
    const pages = ['ann', 'ben'].map((userId) => new Response(outbox.body(PAGE, userId)))
    expect(refusalOf(outbox, 'eve')).toMatchObject({ reason: 'too much has not been read yet' })
    expect(refusalOf(outbox, 'eve', 65_535)).toBeUndefined()
    for (const page of pages) await page.text()
    expect(refusalOf(outbox, 'eve')).toBeUndefined()
  })

  test('does not count what is the same for everybody', async () => {
    const outbox = outboxWith(1, 1)
    const page = new Response(outbox.body(Buffer.from(PAGE), ''))
    expect(outbox.bytes()).toBe(0)
    await page.text()
  })
})

describe('an outbox behind a socket', () => {
  const outbox = createOutbox({ maxBytes: 1e9, maxBytesOfOne: 1e9 })
  /** More than the buffers of two ends of a connection hold. */
  const content = 'x'.repeat(30_000_000)
  let server: Bun.Server<undefined>
  const sockets: Socket[] = []

  beforeAll(() => {
    server = Bun.serve({ port: 0, fetch: () => new Response(outbox.body(content, 'ann')) })
  })
  afterAll(async () => {
    for (const socket of sockets) socket.destroy()
    await server.stop(true)
  })

  /** Asks, and reads nothing of the answer until `read`. */
  const ask = (method: string) => {
    const socket = connect({ host: '127.0.0.1', port: server.port ?? 0 })
    socket.pause().write(`${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    sockets.push(socket)
    const read = async () => {
      let length = 0
      for await (const chunk of socket) length += chunk.length
      return length
    }
    return { socket, read }
  }

  const nothingLeft = async () => {
    await until(() => outbox.bytes() === 0)
  }

  test('holds what a slow client has not read until it has', async () => {
    const { read } = ask('GET')
    await until(() => outbox.bytes() > 0)
    await Bun.sleep(100)
    expect(outbox.bytes()).toBe(content.length)
    expect(await read()).toBeGreaterThan(content.length)
    expect(outbox.bytes()).toBe(0)
  })

  test('lets go of it when the client goes away', async () => {
    const { socket } = ask('GET')
    await until(() => outbox.bytes() > 0)
    socket.destroy()
    await nothingLeft()
  })

  test('holds nothing for HEAD', async () => {
    expect(await ask('HEAD').read()).toBeLessThan(1000)
    await nothingLeft()
  })
})
