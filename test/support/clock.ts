/** A clock that stands still until it is told to move. */
export interface Clock {
  /** Milliseconds since 1970. */
  now: () => number
  /** The same in whole seconds, as tokens count. */
  seconds: () => number
  advance(ms: number): void
}

export const SECOND_MS = 1000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS

/** A clock that stands at a full second. */
export const stoppedClock = (): Clock => {
  let time = Date.UTC(2026, 1, 1, 9, 30)
  return {
    now: () => time,
    seconds: () => Math.floor(time / SECOND_MS),
    advance(ms) {
      time += ms
    },
  }
}
