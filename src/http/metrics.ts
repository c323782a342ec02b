import { timingSafeEqual } from 'node:crypto'
import { Elysia } from 'elysia'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { AppError } from '../errors.ts'

export interface MetricsOptions {
  /** The bearer token for reading the metrics. */
  token: string
  databaseStats: () => { running: number; waiting: number; refused: number; expired: number }
  /** How many tokens had which result since the start. */
  tokenCounts: Readonly<Record<string, number>>
}

/** Measures requests, and serves the metrics at `GET /metrics`. */
export interface Metrics {
  /** Counts an answer. `route` is the template, because a path may contain a user's id. */
  observe(method: string, route: string, status: number, durationMs: number): void
  routes: ReturnType<typeof metricsRoute>
}

const digest = (text: string): Uint8Array => new Bun.CryptoHasher('sha256').update(text).digest()

const metricsRoute = (registry: Registry, token: string) => {
  const expected = digest(`Bearer ${token}`)
  return new Elysia().get(
    '/metrics',
    async ({ request, set }) => {
      // Digests have the same length, so that the comparison takes the same time for every token.
      if (!timingSafeEqual(digest(request.headers.get('authorization') ?? ''), expected))
        throw new AppError('unauthenticated', { headers: { 'www-authenticate': 'Bearer' } })
      set.headers['content-type'] = registry.contentType
      return registry.metrics()
    },
    { detail: { hide: true } },
  )
}

/**
 * Metrics in Prometheus' format: requests by method, route template and status, the database's queue, token
 * verifications by result, and the process itself with the lag of its event loop.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export const createMetrics = ({ token, databaseStats, tokenCounts }: MetricsOptions): Metrics => {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the arrival of a request to its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  })

  new Gauge({
    name: 'database_statements',
    help: 'Statements that run on a connection, or wait for one.',
    labelNames: ['state'],
    registers,
    collect() {
      const { running, waiting } = databaseStats()
      this.set({ state: 'running' }, running)
      this.set({ state: 'waiting' }, waiting)
    },
  })
  new Counter({
    name: 'database_statements_failed_total',
    help: 'Statements refused because too many waited, or given up at their deadline.',
    labelNames: ['reason'],
    registers,
    collect() {
      const { refused, expired } = databaseStats()
      this.reset()
      this.inc({ reason: 'queue_full' }, refused)
      this.inc({ reason: 'deadline' }, expired)
    },
  })
  new Counter({
    name: 'token_verifications_total',
    help: 'Tokens by what became of them; "remembered" are those verified before.',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(tokenCounts)) this.inc({ result }, count)
    },
  })

  return {
    observe: (method, route, status, durationMs) =>
      duration.observe({ method, route, status: String(status) }, durationMs / 1000),
    routes: metricsRoute(registry, token),
  }
}
