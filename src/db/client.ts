import type { Duplex } from 'node:stream'
import { createSecureContext, getCACertificates } from 'node:tls'
import postgres, { type Options, type PendingQuery, type Row, type Sql } from 'postgres'
import type { DatabaseAddress } from '../database-url.ts'
import { unavailable } from '../errors.ts'
import type { Log } from '../log.ts'
import { toAppError } from './sqlstate.ts'

/** What the driver's values look like here: 64-bit integers are numbers, times ISO 8601 text in UTC. */
const types = {
  bigint: { to: 20, from: [20], serialize: String, parse: Number },
  // Left as text: a Date would cost 20 µs per 20 rows and lose the microseconds.
  date: { to: 1184, from: [1184], serialize: String, parse: (text: string) => isoTime(text) },
}

/** `2026-02-01 09:30:00.123+00` as PostgreSQL writes it, to `2026-02-01T09:30:00.123000Z`. */
const isoTime = (text: string): string =>
  text.length === 29
    ? `${text.slice(0, 10)}T${text.slice(11, 26)}Z`
    : `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, -3).padEnd(6, '0')}Z`

export type { PendingQuery } from 'postgres'

/** A client of the driver, with values as this service has them. */
export type ClientSql = Sql<{ bigint: number; date: string }>
type ClientOptions = Options<typeof types>

/** How a client is made, whatever the server. */
export interface ClientSettings {
  /** The the longest a connection attempt may take. */
  timeoutMs: number
  prepare: boolean
  log: Log
}

/**
 * The system's authorities, and those of NODE_EXTRA_CA_CERTS. Bun by itself would use its own list, and of the
 * system's only what stands in a directory that it knows. A container may have none: then that list will do.
 */
const systemAuthorities = (): string[] => {
  const system = getCACertificates('system')
  return system.length > 0 ? [...system, ...getCACertificates('extra')] : getCACertificates('default')
}

const tlsOptions = ({ sslMode, rootCertificate }: DatabaseAddress): NonNullable<ClientOptions['ssl']> => {
  if (sslMode === 'disable') return false
  if (sslMode === 'prefer' || sslMode === 'require') return sslMode
  return {
    rejectUnauthorized: true,
    // Made once: reading so many certificates takes some milliseconds.
    secureContext: createSecureContext({ ca: rootCertificate ?? systemAuthorities() }),
    ...(sslMode === 'verify-ca' && { checkServerIdentity: () => undefined }),
  }
}

const commonOptions = ({ timeoutMs, log }: ClientSettings) => ({
  types,
  fetch_types: false,
  connect_timeout: timeoutMs / 1000,
  // From 50 ms, doubling, to 0.5 s, with jitter, so that a server that returns is noticed within a second.
  backoff: (failures: number) => Math.min(0.05 * 2 ** failures, 0.5) * (0.5 + Math.random() / 2),
  transform: { undefined: null },
  onnotice: ({ severity, code, message }: postgres.Notice) =>
    log.debug('notice from the database', { severity, sqlstate: code, notice: message }),
})

/**
 * A pool of connections to a PostgreSQL server.
 *
 * Only startup parameters that PgBouncer knows are sent: any other would be refused by it (08P01).
 */
export const connectToServer = (
  address: DatabaseAddress,
  settings: ClientSettings & { poolMax: number },
): ClientSql =>
  postgres({
    ...commonOptions(settings),
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    ...(address.password !== undefined && { password: address.password }),
    ssl: tlsOptions(address),
    max: settings.poolMax,
    // Statements on their way on one connection, which a slow one holds up: 3 at most. With 1, each costs a system
    // call of its own (a fifth more CPU); with the driver's 100, they are copied together many times.
    max_pipeline: 4,
    prepare: settings.prepare,
    // Neon puts a database to sleep after five idle minutes; nothing is gained by holding on to it.
    idle_timeout: 60,
    connection: {
      application_name: 'todo-backend',
      TimeZone: 'UTC',
      DateStyle: 'ISO',
      ...(address.options && { options: address.options }),
    },
  } as ClientOptions) as ClientSql

/** The one connection to the embedded database; with more, PGlite returns wrong rows (pglite#1046). */
export const connectToEmbedded = (socket: () => Promise<Duplex>, settings: ClientSettings): ClientSql =>
  postgres({
    ...commonOptions(settings),
    socket,
    max: 1,
    max_lifetime: null,
    user: 'postgres',
    database: 'postgres',
    connection: { TimeZone: 'UTC', DateStyle: 'ISO' },
  } as unknown as ClientOptions) as ClientSql

/**
 * The one way to the database. Statements are written with {@link Database.sql} and given to
 * {@link Database.run}, which bounds how long they take and how many wait.
 */
export interface Database {
  /** Lets statements through; until then each is refused, because the service is still starting. */
  open(): void
  /** Composes a statement; nothing is sent before `run`. */
  readonly sql: ClientSql
  /**
   * Runs one statement and resolves to its rows.
   *
   * @throws {AppError} `unavailable` when the database cannot be reached, does not answer in time, or too many
   *   statements wait for it; `invalid_request` for values that PostgreSQL refuses. Other errors of the
   *   database are thrown as they are.
   */
  run<T extends readonly Row[]>(statement: PendingQuery<T>): Promise<T>
  stats(): DatabaseStats
  /** Resolves when what runs has ended, or at the latest after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>
}

/** How the database keeps up. */
export interface DatabaseStats {
  running: number
  waiting: number
  /** Refused since the start because too many were waiting. */
  refused: number
  /** Given up since the start because they took too long. */
  expired: number
}

export interface DatabaseOptions {
  connect: () => ClientSql
  /** How many connections a client has. */
  poolMax: number
  /**
   * Ends the embedded engine, for a statement of which it cannot be asked to cancel: what is left of it must not
   * reach the next connection. A server is asked to cancel instead.
   */
  endEngine?: (() => void) | undefined
  /** How long a statement may wait and run. */
  timeoutMs: number
  /** How many statements may wait or run at once; one more is refused. */
  maxPending: number
  log: Log
}

interface Pending {
  expiresAt: number
  expire(): void
}

/** A statement that does not end within this time after it was cancelled sits on a dead connection. */
const CANCEL_GRACE_MS = 1000

export const createDatabase = ({
  connect,
  poolMax,
  endEngine,
  timeoutMs,
  maxPending,
  log,
}: DatabaseOptions): Database => {
  let client = connect()
  let isOpen = false
  let refused = 0
  let expired = 0
  // All deadlines are of one length, so this is ordered by them, and one timer for the first serves all.
  const pending = new Set<Pending>()
  let timer: ReturnType<typeof setTimeout> | undefined

  const expireOverdue = () => {
    timer = undefined
    const now = performance.now()
    for (const entry of pending) {
      if (entry.expiresAt > now) {
        timer = setTimeout(expireOverdue, entry.expiresAt - now)
        return
      }
      pending.delete(entry)
      entry.expire()
    }
  }

  /** Leaves connections that do not answer (a hung server, a network that drops packets) behind. */
  const replaceClient = (dead: ClientSql) => {
    if (dead !== client) return
    log.warn('the database does not answer: connecting anew')
    endEngine?.()
    client = connect()
    void dead.end({ timeout: 0 }).catch(() => {})
  }

  const run = <T extends readonly Row[]>(statement: PendingQuery<T>): Promise<T> => {
    if (!isOpen) throw unavailable('the service is starting')
    if (pending.size >= maxPending) {
      refused += 1
      throw unavailable('too many statements are waiting for the database')
    }
    return new Promise((resolve, reject) => {
      const usedClient = client
      const entry: Pending = {
        expiresAt: performance.now() + timeoutMs,
        expire() {
          expired += 1
          reject(unavailable('the database did not answer in time'))
          if (!endEngine) statement.cancel()
          const grace = setTimeout(replaceClient, CANCEL_GRACE_MS, usedClient)
          const answered = () => clearTimeout(grace)
          statement.then(answered, answered)
        },
      }
      pending.add(entry)
      timer ??= setTimeout(expireOverdue, timeoutMs)
      statement.then(
        (rows) => {
          pending.delete(entry)
          resolve(rows as unknown as T)
        },
        (error) => {
          pending.delete(entry)
          reject(toAppError(error))
        },
      )
    })
  }

  return {
    open() {
      isOpen = true
    },
    // Of whichever client is the present one.
    sql: Object.assign(((...args: Parameters<ClientSql>) => client(...args)) as ClientSql, {
      unsafe: ((...args: Parameters<ClientSql['unsafe']>) => client.unsafe(...args)) as ClientSql['unsafe'],
    }),
    run,
    stats: () => ({
      running: Math.min(pending.size, poolMax),
      waiting: Math.max(pending.size - poolMax, 0),
      refused,
      expired,
    }),
    async close(closeTimeoutMs) {
      clearTimeout(timer)
      await client.end({ timeout: closeTimeoutMs / 1000 })
    },
  }
}
