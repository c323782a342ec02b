/**
 * Run before the service: on SIGUSR2, what is sent to a worker thread arrives only after 4 s, as when the
 * embedded engine is busy with a statement that takes long.
 */
const stallMs = 4000
let stalledUntil = 0

globalThis.Worker = class extends Worker {
  #held: unknown[] = []

  override postMessage(message: unknown): void {
    const wait = stalledUntil - performance.now()
    if (wait <= 0 && this.#held.length === 0) {
      super.postMessage(message)
      return
    }
    this.#held.push(message)
    setTimeout(() => super.postMessage(this.#held.shift()), wait)
  }
}

process.on('SIGUSR2', () => {
  stalledUntil = performance.now() + stallMs
})
