import { signToken } from '../support/token.ts'
import { Client } from './client.ts'
import { Measurements } from './measurements.ts'

/** The secret that every service of this suite verifies tokens with. */
export const tokenSecret = 'a secret for tests, longer than 32 characters'

export interface LoadOptions {
  /** Where the clients send to, in turn. */
  urls: string[]
  clients?: number
  requestsPerSecond?: number
  isBehindBalancer?: boolean
}

export interface LedgerSum {
  wrong: string[]
  late: number
  /** Clients whose open writes could not be resolved in time, or whose tasks could not be listed. */
  unsettled: number
}

/** A steady load from concurrent clients, each a user of its own. */
export class Load {
  readonly measurements = new Measurements()
  readonly #clients: Client[]
  readonly #intervalMs: number
  #isStopping = false
  #running: Promise<unknown> = Promise.resolve()

  constructor({ urls, clients = 24, requestsPerSecond = 150, isBehindBalancer = false }: LoadOptions) {
    this.#intervalMs = (clients / requestsPerSecond) * 1000
    this.#clients = Array.from({ length: clients }, (_, index) => {
      const userId = `user-${index}`
      const url = urls[index % urls.length] as string
      return new Client({
        url,
        userId,
        token: tokenOf(userId),
        measurements: this.measurements,
        isBehindBalancer,
      })
    })
  }

  start(): void {
    this.#isStopping = false
    this.#running = Promise.all(this.#clients.map((client) => this.#run(client)))
  }

  /** Resolves when the last request that was under way has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
  }

  /** Resolves what is open, and compares all that is stored with what was acknowledged. */
  async settle(withinMs = 10_000): Promise<LedgerSum> {
    const settled = await Promise.all(this.#clients.map((client) => client.settle(withinMs)))
    for (const client of this.#clients) client.close()
    const ledgers = this.#clients.map((client) => client.ledger)
    return {
      wrong: ledgers.flatMap((ledger) => ledger.wrong),
      late: ledgers.reduce((sum, ledger) => sum + ledger.late, 0),
      unsettled: settled.filter((isSettled) => !isSettled).length,
    }
  }

  async #run(client: Client): Promise<void> {
    await Bun.sleep(Math.random() * this.#intervalMs)
    while (!this.#isStopping) {
      const due = performance.now() + this.#intervalMs * (0.5 + Math.random())
      await client.step()
      await Bun.sleep(Math.max(0, due - performance.now()))
    }
  }
}

export function tokenOf(userId: string): string {
  return signToken({ sub: userId, exp: Math.floor(Date.now() / 1000) + 3600 }, tokenSecret)
}
