import { ALONE } from '../db/choice.ts'
import type { TaskReply } from './schema.ts'

/** A page ends with the task that takes its JSON past this size, even if more tasks were asked for. */
export const PAGE_BYTES = 2 ** 20

/** The most bytes that a UTF-16 code unit takes in JSON (`\u0001`). */
const BYTES_PER_UNIT = 6

/** The most bytes of a task without its user and texts: names, times and numbers. */
const BYTES_OF_REST = 256

/** An upper bound of the size in JSON. Takes a tenth of the time of making the JSON. */
const mostBytesOf = (tasks: readonly TaskReply[]): number => {
  let units = 0
  for (const { user_id, title, description } of tasks)
    units += user_id.length + title.length + (description?.length ?? 0)
  return units * BYTES_PER_UNIT + tasks.length * BYTES_OF_REST
}

/** The characters that JSON escapes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes them
const ESCAPED = /["\\\u0000-\u001f]/

/** The size of a text in JSON. Most need no escaping, and testing that is twenty times faster than making the JSON. */
const bytesOfText = (text: string): number =>
  ESCAPED.test(text) ? Buffer.byteLength(JSON.stringify(text)) : Buffer.byteLength(text) + 2

const bytesOf = ({ title, description, ...rest }: TaskReply): number =>
  Buffer.byteLength(JSON.stringify({ ...rest, title: 0, description: 0 })) -
  2 +
  bytesOfText(title) +
  (description === null ? 4 : bytesOfText(description))

/**
 * How many of these tasks are on the page.
 *
 * @param limit the most
 */
export const pageLength = (tasks: readonly TaskReply[], limit: number): number => {
  if (mostBytesOf(tasks) <= PAGE_BYTES) return Math.min(tasks.length, limit)
  // One byte for the opening bracket, and one after each task for a comma or the closing bracket.
  let bytes = 1
  const last = tasks.findIndex((task) => {
    bytes += bytesOf(task) + 1
    return bytes > PAGE_BYTES
  })
  return Math.min(last < 0 ? tasks.length : last + 1, limit)
}

/** From this size (by `mostBytesOf`) a page counts as large. About 300 short tasks. */
const LARGE_PAGE = 2 ** 18

/** How long a user's next pages count as large after a large one. */
const REMEMBERED_MS = 10_000

const MAX_REMEMBERED = 10_000

/** The weight of a page of unknown size: of ten connections, a user may have two such pages at once. */
const UNKNOWN_PAGE_WEIGHT = 10

/** Estimates the weight of a user's next page by the last ones, because its size is only known when it is read. */
export interface PageWeights {
  /** The weight of a user's next page, in ordinary statements. */
  of(userId: string): number
  /** Records a page that was read. */
  note(userId: string, tasks: readonly TaskReply[]): void
}

/** @param now milliseconds since 1970 */
export const createPageWeights = (now: () => number): PageWeights => {
  /** When a user's last large page was read; 0 for a user who has had none. */
  const largeAt = new Map<string, number>()
  return {
    of(userId) {
      const at = largeAt.get(userId)
      if (at === 0) return 1
      return at !== undefined && now() - at < REMEMBERED_MS ? ALONE : UNKNOWN_PAGE_WEIGHT
    },
    note(userId, tasks) {
      const isLarge = mostBytesOf(tasks) >= LARGE_PAGE
      if (!isLarge && largeAt.has(userId)) return
      if (largeAt.size >= MAX_REMEMBERED) largeAt.clear()
      largeAt.set(userId, isLarge ? now() : 0)
    },
  }
}
