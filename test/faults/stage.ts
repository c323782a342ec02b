import { type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type Service, type ServiceOptions, startService } from '../support/process.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { tokenSecret } from './load.ts'
import { PeakMemory } from './peak-memory.ts'

/** How the service reaches its database. */
export type Route = 'direct' | 'proxy' | 'pgbouncer' | 'embedded'

/** How long a request of the services here may wait for the database. */
export const databaseTimeoutMs = 2000

/** By itself PgBouncer tries a server that was down again only after 15 s, which no service can do anything about. */
const poolerSettings = { server_login_retry: 0.1 }

/** A server of its own, the way to it, and the services that use it. */
export class Stage {
  readonly postgres: PostgresServer
  readonly services: Service[] = []
  readonly memory = new PeakMemory()
  /** What is worth knowing, and is no failure. */
  readonly notes: string[] = []
  /** Everything that must not be. */
  readonly failures: string[] = []
  /** What took too long. */
  readonly delays: string[] = []
  readonly #databaseUrl: string | null
  readonly #proxy: TcpProxy | null
  readonly #bouncer: PgBouncer | null
  readonly #mayEnd = new Set<Service>()
  readonly #closings: (() => Promise<void>)[] = []

  private constructor(
    postgres: PostgresServer,
    way: { url?: string; proxy?: TcpProxy; bouncer?: PgBouncer },
  ) {
    this.postgres = postgres
    this.#databaseUrl = way.url ?? null
    this.#proxy = way.proxy ?? null
    this.#bouncer = way.bouncer ?? null
  }

  static async open(route: Route): Promise<Stage> {
    const postgres = await startPostgres({ durable: true })
    const url = postgres.url()
    switch (route) {
      case 'direct':
        return new Stage(postgres, { url })
      case 'proxy': {
        const proxy = await startTcpProxy(postgres)
        return new Stage(postgres, { url: proxy.url(url), proxy })
      }
      case 'pgbouncer': {
        const bouncer = await startPgBouncer({ upstream: url, settings: poolerSettings })
        return new Stage(postgres, { url: bouncer.url(), bouncer })
      }
      case 'embedded':
        return new Stage(postgres, {})
    }
  }

  get proxy(): TcpProxy {
    if (!this.#proxy) throw new Error('There is no proxy on this route')
    return this.#proxy
  }

  get bouncer(): PgBouncer {
    if (!this.#bouncer) throw new Error('There is no PgBouncer on this route')
    return this.#bouncer
  }

  /** The first service, where there is one. */
  get service(): Service {
    const [service] = this.services
    if (!service) throw new Error('No service has been started')
    return service
  }

  /** Starts a service and waits until it is ready. That it ends before `close` is a failure. */
  async startService(env: Record<string, string> = {}, options: ServiceOptions = {}): Promise<Service> {
    const service = await startService(
      {
        ...(this.#databaseUrl ? { DATABASE_URL: this.#databaseUrl } : {}),
        // PgBouncer 1.18 cannot do prepared statements in transaction mode.
        ...(this.#bouncer ? { DATABASE_PREPARE: 'false' } : {}),
        BETTER_AUTH_SECRET: tokenSecret,
        DATABASE_TIMEOUT_MS: String(databaseTimeoutMs),
        ENVIRONMENT: 'test',
        LOG_LEVEL: 'warn',
        ...env,
      },
      options,
    )
    this.services.push(service)
    this.memory.watch(service)
    service.exited.then((code) => {
      if (!this.#mayEnd.has(service)) this.#blame(service, `the service ended with ${code}`)
    })
    await service.ready()
    return service
  }

  /** From here on, this service may end without that being a failure. */
  expectEnd(service: Service): void {
    this.#mayEnd.add(service)
  }

  /** Has something done after the services have stopped. */
  atClose(close: () => Promise<void>): void {
    this.#closings.push(close)
  }

  /** Stops the services, which must succeed, and removes everything. */
  async close(): Promise<void> {
    await Promise.all(
      this.services.filter((service) => !this.#mayEnd.has(service)).map((one) => this.#stop(one)),
    )
    this.memory.stop()
    for (const close of this.#closings) await close()
    await this.#bouncer?.remove()
    await this.#proxy?.close()
    await this.postgres.remove()
  }

  async #stop(service: Service): Promise<void> {
    this.expectEnd(service)
    const code = await service.stop()
    if (code !== 0) this.#blame(service, `the service ended with ${code} after SIGTERM`)
  }

  #blame(service: Service, what: string): void {
    const lines = service.log.filter((line) => !line.includes('"status":503') && !line.includes('status=503'))
    this.failures.push(what, ...lines.slice(-20).map((line) => `  log: ${line.slice(0, 500)}`))
  }
}
