import type { EventEmitter } from 'node:events'
import postgres, { type Options, type PendingQuery, type Row, type Sql } from 'postgres'
import { hideEnvironmentFromDriver } from '../config.ts'
import type { Log } from '../log.ts'
import type { CancelKey } from './socket.ts'
import { ConnectionError } from './sqlstate.ts'

/** How values are read: 64-bit integers as numbers, times as ISO 8601 text in UTC. */
const types = {
  bigint: { to: 20, from: [20], serialize: String, parse: Number },
  // Text, because a Date would lose the microseconds and cost 1 µs a row.
  date: { to: 1184, from: [1184], serialize: String, parse: (text: string) => isoTime(text) },
}

/** Converts PostgreSQL's `2026-02-01 09:30:00.123+00` to `2026-02-01T09:30:00.123000Z`. */
const isoTime = (text: string): string =>
  text.length === 29
    ? `${text.slice(0, 10)}T${text.slice(11, 26)}Z`
    : `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, -3).padEnd(6, '0')}Z`

/** The driver's template tag, with the types of this service. */
export type ClientSql = Sql<{ bigint: number; date: string }>

/** The part of a socket that {@link connect} uses. The driver also writes to it and reads from it. */
export interface DriverSocket extends EventEmitter {
  readonly destroyed: boolean
  destroy(error?: Error): unknown
}

/** A database, and how to connect to it. */
export interface Endpoint {
  /** Opens a connection and authenticates the user. */
  openSocket(): Promise<DriverSocket>
  /** For error messages. */
  host?: string
  port?: number
  /** Asks the server to cancel the statement that a connection runs. */
  cancel?: (key: CancelKey) => Promise<unknown>
  database: string
  user: string
  /** Startup parameters. PgBouncer refuses unknown ones (08P01). */
  parameters?: Record<string, string>
}

export interface ConnectOptions {
  /** How long authentication and the first statement may take. */
  timeoutMs: number
  /** Whether statements are prepared. Some poolers do not support that in transaction mode. */
  prepare: boolean
  log: Log
}

/** One connection. It does not reconnect. */
export interface Connection {
  /** Sends statements, also several at a time (pipelining). They are answered in order. */
  readonly sql: ClientSql
  /** Whether the server is read-only: a standby, or `default_transaction_read_only`. */
  readonly isReadOnly: boolean
  /** Why answers of this connection cannot be trusted any more. If set, the connection must not be used. */
  readonly doubt: string | undefined
  /** Resolves when the connection is closed. Statements without an answer will not get one. */
  readonly closed: Promise<unknown>
  /** Asks the server to cancel the running statement. Resolves when the server has handled that. */
  cancel(): Promise<unknown>
  /** Closes the connection when all statements are answered, or after 1 s. */
  end(): Promise<void>
  /** Closes the connection at once. */
  destroy(): void
}

const GOODBYE_SECONDS = 1

hideEnvironmentFromDriver()

/** A part of a statement. */
export type Fragment = PendingQuery<Row[]>

/** Parameters that PostgreSQL reports (14 and later), with the first answer after a change. */
const READ_ONLY_PARAMETERS = ['default_transaction_read_only', 'in_hot_standby']

/**
 * True for the warning that a commit was cancelled while it waited for the synchronous standby. The write is reported as a
 * success, but a failover may lose it. The routine is compared, too, because the text may be translated.
 */
const isUnconfirmedCommit = ({ code, routine, message }: postgres.Notice): boolean =>
  code === '01000' &&
  (routine === 'SyncRepWaitForLSN' || /^canceling wait for synchronous replication/.test(message ?? ''))

/** The template tag for parts of statements. It never connects. */
export const fragment = postgres({ max: 1 }) as unknown as ClientSql

/** Quotes an identifier. The driver's own function would split it at dots. */
export const identifier = (name: string): Fragment =>
  fragment.unsafe(`"${name.replaceAll('"', '""')}"`) as Fragment

/**
 * When a prepared statement's plan becomes invalid (a migration changed a type), postgres.js 3.4.9 marks the statement as
 * `retried` and sends it again. From then on it gives answers to the wrong statements, so that one user would get another
 * user's tasks (docs/upstream/postgres-js-retried-plan.md). No option prevents that. Here setting the mark throws: the
 * statement fails, and the pool closes the connection.
 */
Object.defineProperty(Object.getPrototypeOf(fragment``), 'retried', {
  get: () => undefined,
  set() {
    throw new ConnectionError('PLAN_DROPPED')
  },
})

/**
 * Connects, and resolves when the database takes statements.
 *
 * The driver's own pool and reconnection are not used: after a reconnection, postgres.js 3.4.9 keeps state of the lost
 * connection, such as unanswered statements or half a message. Here each of its clients gets one socket only.
 *
 * @throws {ConnectionError} and errors of the driver: see `isTransient`
 */
export const connect = async (endpoint: Endpoint, options: ConnectOptions): Promise<Connection> => {
  const { timeoutMs, prepare, log } = options
  const { openSocket, cancel, parameters, ...address } = endpoint
  const socket = await openSocket()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  if (socket.destroyed) throw new ConnectionError('CONNECTION_CLOSED')
  const lost = closed.then(() => Promise.reject(new ConnectionError('CONNECTION_CLOSED')))
  let isUsed = false
  let isReadOnly: boolean | undefined
  let doubt: string | undefined

  const reported: Record<string, string> = {}
  const onparameter = (name: string, value: string) => {
    if (!READ_ONLY_PARAMETERS.includes(name)) return
    reported[name] = value
    if (isReadOnly === undefined) return
    isReadOnly = Object.values(reported).includes('on')
    if (isReadOnly) doubt ??= 'the server has become read-only'
  }

  const onnotice = (notice: postgres.Notice) => {
    const { severity, code, message } = notice
    if (isUnconfirmedCommit(notice)) doubt ??= 'a write did not wait for the standby'
    log.debug('notice from the database', { severity, sqlstate: code, notice: message })
  }

  const sql = postgres({
    types,
    fetch_types: false,
    transform: { undefined: null },
    onnotice,
    onparameter,
    socket: async () => {
      if (isUsed) throw new ConnectionError('CONNECTION_CLOSED')
      isUsed = true
      return socket
    },
    max: 1,
    idle_timeout: null,
    max_lifetime: null,
    connect_timeout: null,
    prepare,
    // The socket has done that.
    ssl: false,
    ...address,
    connection: { TimeZone: 'UTC', DateStyle: 'ISO', ...parameters },
  } as unknown as Options<typeof types>) as ClientSql

  const timer = setTimeout(() => socket.destroy(new ConnectionError('CONNECT_TIMEOUT')), timeoutMs)
  try {
    const first = sql<[{ transaction_read_only: string }]>`show transaction_read_only`.simple()
    const answer = await Promise.race([first, lost])
    isReadOnly = answer[0].transaction_read_only === 'on'
    return {
      sql,
      get isReadOnly() {
        return isReadOnly === true
      },
      get doubt() {
        return doubt
      },
      closed,
      cancel: async () => cancel?.(answer.state),
      async end() {
        await sql.end({ timeout: GOODBYE_SECONDS })
        socket.destroy()
      },
      destroy: () => socket.destroy(),
    }
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}
