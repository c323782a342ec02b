import type { TaskReply } from './schema.ts'

/** A page ends, however many tasks were asked for, with the one with which its JSON passes so many bytes. */
export const PAGE_BYTES = 2 ** 20

/** The most that a character of a string takes in JSON (`\u0001`), for each unit of UTF-16. */
const BYTES_PER_UNIT = 6

/** The most that the rest of a task takes, without its user: the names, times and numbers. */
const BYTES_OF_REST = 256

/** What the JSON of tasks takes at most, for a tenth of the time that making it takes. */
const mostBytesOf = (tasks: readonly TaskReply[]): number => {
  let units = 0
  for (const { user_id, title, description } of tasks)
    units += user_id.length + title.length + (description?.length ?? 0)
  return units * BYTES_PER_UNIT + tasks.length * BYTES_OF_REST
}

/** What JSON writes in another way. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are among it
const ESCAPED = /["\\\u0000-\u001f]/

/** The bytes of a text in JSON. Most are as they are, which is found out twenty times faster than by writing them. */
const bytesOfText = (text: string): number =>
  ESCAPED.test(text) ? Buffer.byteLength(JSON.stringify(text)) : Buffer.byteLength(text) + 2

const bytesOf = ({ title, description, ...rest }: TaskReply): number =>
  Buffer.byteLength(JSON.stringify({ ...rest, title: 0, description: 0 })) -
  2 +
  bytesOfText(title) +
  (description === null ? 4 : bytesOfText(description))

/**
 * How many of the first tasks make a page.
 *
 * @param limit how many at most
 */
export const pageLength = (tasks: readonly TaskReply[], limit: number): number => {
  if (mostBytesOf(tasks) <= PAGE_BYTES) return Math.min(tasks.length, limit)
  // With a bracket before the first task, and after each a comma or the other bracket.
  let bytes = 1
  const last = tasks.findIndex((task) => {
    bytes += bytesOf(task) + 1
    return bytes > PAGE_BYTES
  })
  return Math.min(last < 0 ? tasks.length : last + 1, limit)
}

/** From which size, as `mostBytesOf` has it, a page takes its time in the database and here: 300 short tasks. */
const LARGE_PAGE = 2 ** 18

/** For how long a user's pages count as large after one that was. */
const REMEMBERED_MS = 10_000

const MAX_REMEMBERED = 10_000

/** As how many ordinary statements a large page counts: more than a user may have, so that each goes alone. */
const LARGE_PAGE_WEIGHT = 1000

/** Knows whose pages have been large lately: how large the next one is, nobody knows before it is read. */
export interface PageWeights {
  /** As how many ordinary statements a user's next page counts. */
  of(userId: string): number
  note(userId: string, tasks: readonly TaskReply[]): void
}

/** @param now milliseconds since 1970 */
export const createPageWeights = (now: () => number): PageWeights => {
  const largeAt = new Map<string, number>()
  return {
    of: (userId) => (now() - (largeAt.get(userId) ?? 0) < REMEMBERED_MS ? LARGE_PAGE_WEIGHT : 1),
    note(userId, tasks) {
      if (mostBytesOf(tasks) < LARGE_PAGE) return
      if (largeAt.size >= MAX_REMEMBERED) largeAt.clear()
      largeAt.set(userId, now())
    },
  }
}
