import { expect } from 'bun:test'

/** Awaits that what `read` gives equals `expected`; past the deadline, fails with the difference. */
export async function eventually<T>(read: () => T | Promise<T>, expected: T, timeoutMs = 15_000) {
  const deadline = Date.now() + timeoutMs
  let actual: unknown = await read()
  while (!Bun.deepEquals(actual, expected) && Date.now() < deadline) {
    await Bun.sleep(25)
    actual = await read()
  }
  expect(actual).toEqual(expected)
}
