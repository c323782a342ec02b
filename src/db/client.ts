import type { EventEmitter } from 'node:events'
import postgres, { type Options, type PendingQuery, type Row, type Sql } from 'postgres'
import { hideEnvironmentFromDriver } from '../config.ts'
import type { Log } from '../log.ts'
import type { CancelKey } from './socket.ts'
import { ConnectionError } from './sqlstate.ts'

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

/** The driver's template tag, with values as this service has them. */
export type ClientSql = Sql<{ bigint: number; date: string }>

/** What the driver speaks over: a stream, or the like of one. */
export interface DriverSocket extends EventEmitter {
  readonly destroyed: boolean
  destroy(error?: Error): unknown
}

/** A way to a database, and how to introduce oneself there. */
export interface Endpoint {
  /** Connects; who the user is has been seen to, if the server asks. */
  openSocket(): Promise<DriverSocket>
  /** For the texts of errors. */
  host?: string
  port?: number
  /** Asks for what a connection runs to be cancelled. */
  cancel?: (key: CancelKey) => Promise<unknown>
  database: string
  user: string
  /** Startup parameters. PgBouncer refuses any that it does not know (08P01). */
  parameters?: Record<string, string>
}

export interface ConnectOptions {
  /** The longest that the server may take to let us in. */
  timeoutMs: number
  /** Whether statements are prepared, which some poolers in transaction mode cannot do. */
  prepare: boolean
  log: Log
}

/** One connection, from its first to its last byte: it does not come back when it is lost. */
export interface Connection {
  /** Sends statements over it, any number at a time; they are answered in turn. */
  readonly sql: ClientSql
  /** Whether the server takes no writes: a standby, or `default_transaction_read_only`. */
  readonly isReadOnly: boolean
  /** Why its answers are not to be passed on any more, and it is not to be used; usually there is no reason. */
  readonly doubt: string | undefined
  /** Resolves when it is closed, for whatever reason. What was not answered by then never will be. */
  readonly closed: Promise<unknown>
  /** Asks the server to cancel the statement that runs, if it can; resolves when the server has dealt with it. */
  cancel(): Promise<unknown>
  /** Takes leave of the server, when what was sent is answered; after 1 s without. */
  end(): Promise<void>
  /** Closes it at once. */
  destroy(): void
}

const GOODBYE_SECONDS = 1

hideEnvironmentFromDriver()

/** A part of a statement. */
export type Fragment = PendingQuery<Row[]>

/** What a server tells by itself from PostgreSQL 14 on, with the first answer after a change. */
const READ_ONLY_PARAMETERS = ['default_transaction_read_only', 'in_hot_standby']

/**
 * True for the warning of a commit that did not wait for the synchronous standby, because it was cancelled: the
 * write is answered as a success, and a failover loses it. The text is in the server's language.
 */
const isUnconfirmedCommit = ({ code, routine, message }: postgres.Notice): boolean =>
  code === '01000' &&
  (routine === 'SyncRepWaitForLSN' || /^canceling wait for synchronous replication/.test(message ?? ''))

/** Composes parts of statements; nothing is sent with it. */
export const fragment = postgres({ max: 1 }) as unknown as ClientSql

/** A name as it is, dots included, which the driver's own way would take for separators. */
export const identifier = (name: string): Fragment =>
  fragment.unsafe(`"${name.replaceAll('"', '""')}"`) as Fragment

/**
 * When the server drops a prepared statement's plan (a migration changed a type), postgres.js 3.4.9 marks the statement
 * as `retried` and sends it again, and from then on gives each answer to the wrong statement: one user would get
 * another's tasks (docs/upstream/postgres-js-retried-plan.md). It has no option against that. So setting the
 * mark fails, the statement with it, and the pool leaves the connection.
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
 * postgres.js pools and reconnects by itself, but 3.4.9 takes up some of what a lost connection left behind:
 * statements not answered, half a message, a canceled first statement. So each of its clients is given one socket
 * and one only, and is left for another with it.
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
    // The socket has seen to it.
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
