import { Elysia, t } from 'elysia'
import { unavailable } from '../errors.ts'

export interface HealthOptions {
  version: string
  /** Resolves to whether requests can be served now: started, migrated, not shutting down. */
  isReady: () => Promise<boolean>
}

/** A balancer asks often and waits little. */
const READY_WITHIN_MS = 2000

/** Liveness, which touches nothing else, and readiness, which is a round trip to the database. */
export const health = ({ version, isReady }: HealthOptions) =>
  new Elysia()
    .get('/health', () => ({ status: 'ok' as const, version, uptime_s: Math.floor(process.uptime()) }), {
      response: t.Object({ status: t.Literal('ok'), version: t.String(), uptime_s: t.Integer() }),
      detail: { tags: ['health'], summary: 'Is the process alive?' },
    })
    .get(
      '/health/ready',
      async () => {
        const tooLate = Bun.sleep(READY_WITHIN_MS).then(() => false)
        if (await Promise.race([isReady(), tooLate])) return { status: 'ready' as const }
        throw unavailable('not ready')
      },
      {
        response: t.Object({ status: t.Literal('ready') }),
        detail: { tags: ['health'], summary: 'Can requests be served now?' },
      },
    )
