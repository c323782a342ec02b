/**
 * Run before the service: on SIGUSR2 every worker thread ends, as when the embedded engine's WebAssembly
 * traps. A thread cannot be killed from outside of its process, and the service has no hook for it.
 */
const workers = new Set<Worker>()

globalThis.Worker = class extends Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args)
    workers.add(this)
  }
}

process.on('SIGUSR2', () => {
  for (const worker of workers) worker.terminate()
  workers.clear()
})
