/**
 * The delay before the next attempt: 50 ms after the first failure, doubled for each further one up to 0.5 s, with jitter.
 * The limit is low, so that a server that is back is used within a second.
 */
export const backoffMs = (failures: number): number =>
  Math.min(25 * 2 ** failures, 500) * (0.5 + Math.random() / 2)

/** After this time without a follow-up, the next one is immediate again. */
const QUIET_MS = 10_000

/**
 * Limits how often the pool follows up a read-only answer. The function returns the delay until the next follow-up in
 * milliseconds, or `undefined` if it is too early for one. News is never too early.
 */
export const createFollowUps = (): ((isNews: boolean) => number | undefined) => {
  let count = 0
  let nextAt = 0
  return (isNews) => {
    const now = performance.now()
    if (!isNews && now < nextAt) return undefined
    if (now > nextAt + QUIET_MS) count = 0
    const delayMs = backoffMs(count)
    count += 1
    nextAt = now + delayMs
    return delayMs
  }
}
