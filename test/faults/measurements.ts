/**
 * How a request ended: as it should, with 503, with anything else, or without an answer, because nobody
 * listened (`refused`) or because the connection ended (`cut`).
 */
export type Outcome = 'ok' | 'unavailable' | 'other' | 'refused' | 'cut'

export interface Measurement {
  startedAt: number
  endedAt: number
  outcome: Outcome
  isWrite: boolean
}

interface Watcher {
  since: number
  writesOnly: boolean
  resolve(endedAt: number): void
}

/** Every request of a run, with times as `performance.now()` has them. */
export class Measurements {
  readonly all: Measurement[] = []
  /** What each answer of the outcome `other` and each cut was: a line, and how often. */
  readonly #surprises = new Map<string, number>()
  #watchers: Watcher[] = []

  add(measurement: Measurement, surprise?: string): void {
    this.all.push(measurement)
    if (surprise) this.#surprises.set(surprise, (this.#surprises.get(surprise) ?? 0) + 1)
    if (measurement.outcome !== 'ok') return
    this.#watchers = this.#watchers.filter((watcher) => {
      if (measurement.endedAt < watcher.since || (watcher.writesOnly && !measurement.isWrite)) return true
      watcher.resolve(measurement.endedAt)
      return false
    })
  }

  /** Resolves to the time when the first success after `since` was there. */
  firstSuccess(since: number, writesOnly = false): Promise<number> {
    return new Promise((resolve) => this.#watchers.push({ since, writesOnly, resolve }))
  }

  count(outcome: Outcome, from = 0, to = Number.POSITIVE_INFINITY): number {
    return this.between(from, to).filter((measurement) => measurement.outcome === outcome).length
  }

  /** The requests that ended in a stretch of time. */
  between(from: number, to: number): Measurement[] {
    return this.all.filter(({ endedAt }) => endedAt >= from && endedAt < to)
  }

  mostFrequentSurprises(count: number): string[] {
    const ordered = [...this.#surprises].sort(([, one], [, other]) => other - one)
    return ordered.slice(0, count).map(([what, times]) => `${times} × ${what}`)
  }

  get worstMs(): number {
    return this.all.reduce((worst, { startedAt, endedAt }) => Math.max(worst, endedAt - startedAt), 0)
  }
}
