import type { Service } from '../support/process.ts'

/** Watches the memory of services, also of those that end on the way. */
export class PeakMemory {
  bytes = 0
  readonly #services: Set<Service> = new Set()
  readonly #timer = setInterval(() => this.#sample(), 200)

  watch(service: Service): void {
    this.#services.add(service)
    service.exited.then(() => this.#services.delete(service))
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #sample(): Promise<void> {
    for (const service of this.#services) {
      // The process may end between the decision to ask and the answer.
      const peak = await service.peakRssBytes().catch(() => 0)
      this.bytes = Math.max(this.bytes, peak)
    }
  }
}
