import { Elysia, t } from 'elysia'
import { AppError, unavailable } from '../errors.ts'
import type { OperationNotes } from './notes.ts'

export interface HealthOptions {
  version: string
  /** Resolves to whether requests can be served now: started, migrated, not shutting down. */
  isReady: () => Promise<boolean>
}

const alive: OperationNotes = {
  operationId: 'getHealth',
  tags: ['service'],
  summary: 'Is the process alive?',
  description: 'Touches nothing else.',
  security: [],
  'x-notes': {
    replies: { 200: { description: 'It is', example: { status: 'ok', version: '1.1.0', uptime_s: 3600 } } },
  },
}

const ready: OperationNotes = {
  operationId: 'getReadiness',
  tags: ['service'],
  summary: 'Can requests be served now?',
  description: 'A round trip to the database; 503 while starting, stopping or without the database.',
  security: [],
  'x-notes': {
    replies: { 200: { description: 'They can', example: { status: 'ready' } } },
    errors: ['unavailable'],
  },
}

/** Short, because load balancers have short timeouts. */
const READY_WITHIN_MS = 2000

/** More at once would take the place of users' statements: anybody may ask. */
const MAX_LOOKS = 16

/** Looks at the database for each request. Only while very many ask at once do some share the look that began last. */
const inTurns = (isReady: () => Promise<boolean>): (() => Promise<boolean>) => {
  let underWay = 0
  let last = Promise.resolve(false)
  return () => {
    if (underWay === MAX_LOOKS) return last
    underWay += 1
    last = isReady().finally(() => {
      underWay -= 1
    })
    return last
  }
}

/** The health endpoints. Liveness uses nothing else; readiness makes a round trip to the database. */
export const health = ({ version, isReady }: HealthOptions) => {
  const look = inTurns(isReady)
  return new Elysia()
    .get('/health', () => ({ status: 'ok' as const, version, uptime_s: Math.floor(process.uptime()) }), {
      response: t.Object(
        { status: t.Literal('ok'), version: t.String(), uptime_s: t.Integer({ minimum: 0 }) },
        { title: 'Health' },
      ),
      detail: alive,
    })
    .get(
      '/health/ready',
      async () => {
        const tooLate = Bun.sleep(READY_WITHIN_MS).then(() => false)
        const isReadyNow = await Promise.race([look(), tooLate]).catch((error: unknown) => {
          throw error instanceof AppError ? error : unavailable(`not ready: ${error}`, error)
        })
        if (isReadyNow) return { status: 'ready' as const }
        throw unavailable('not ready')
      },
      {
        response: t.Object({ status: t.Literal('ready') }, { title: 'Readiness' }),
        detail: ready,
      },
    )
}
