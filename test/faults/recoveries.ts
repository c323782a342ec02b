import type { Measurements } from './measurements.ts'

interface Recovery {
  since: number
  seconds: number
  /** When the next trouble began. */
  until: number
}

/** How long to wait for a first success before giving it up. */
const patienceMs = 10_000

/** Takes the time that the service needs after its database is back. */
export class Recoveries {
  readonly #measurements: Measurements
  readonly #all: Recovery[] = []

  constructor(measurements: Measurements) {
    this.#measurements = measurements
  }

  /** Trouble begins (again): what fails from here on no longer counts against the recovery before it. */
  begin(): void {
    const last = this.#all.at(-1)
    if (last) last.until = performance.now()
  }

  /** The database accepts connections now: waits for the first success after that. */
  async end(options: { writesOnly?: boolean } = {}): Promise<void> {
    const since = performance.now()
    const first = await Promise.race([
      this.#measurements.firstSuccess(since, options.writesOnly),
      Bun.sleep(patienceMs).then(() => Number.POSITIVE_INFINITY),
    ])
    this.#all.push({ since, seconds: (first - since) / 1000, until: Number.POSITIVE_INFINITY })
  }

  get worstSeconds(): number | null {
    return this.#worst(({ seconds }) => seconds)
  }

  /** From the end of the trouble to the last request that was no success. */
  get worstSettledSeconds(): number | null {
    return this.#worst(({ since, until }) => {
      const failed = this.#measurements.between(since, until).filter(({ outcome }) => outcome !== 'ok')
      return ((failed.at(-1)?.endedAt ?? since) - since) / 1000
    })
  }

  #worst(measure: (recovery: Recovery) => number): number | null {
    return this.#all.length > 0 ? Math.max(...this.#all.map(measure)) : null
  }
}
