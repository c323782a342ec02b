import type { Log } from '../log.ts'
import { backoffMs } from './backoff.ts'
import type { Connection } from './client.ts'
import { describeRefusal } from './sqlstate.ts'

/** Opens the connections of a pool, with a limit on their number and a backoff after failures. */
export interface Opener {
  /** Whether another connection may be opened now. While the server is unreachable, there is one attempt at a time. */
  mayOpen(): boolean
  open(): void
  /** How many connections are being opened. */
  opening(): number
  /** Opens no connection for this time. A pause that has begun is not extended. */
  pause(ms: number): void
  /** Opens no more. A connection that is being opened is closed as soon as it is open. */
  stop(): void
}

export interface OpenerOptions {
  connect: () => Promise<Connection>
  /** The most connections, counting those that are being opened or closed. */
  max: number
  log: Log
  opened(connection: Connection): void
  failed(error: unknown): void
  /** Called at the end of a pause. */
  resumed(): void
}

export const createOpener = ({ connect, max, log, opened, failed, resumed }: OpenerOptions): Opener => {
  let connections = 0
  let opening = 0
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let isStopped = false

  const pause = (ms: number) => {
    timer ??= setTimeout(() => {
      timer = undefined
      resumed()
    }, ms)
  }

  const succeed = (connection: Connection) => {
    opening -= 1
    if (isStopped) return connection.destroy()
    if (failures > 0) log.info('the database can be reached again')
    failures = 0
    connection.closed.then(() => {
      connections -= 1
    })
    opened(connection)
  }

  const fail = (error: unknown) => {
    opening -= 1
    connections -= 1
    // Attempts that fail at the same time count as one failure.
    if (timer === undefined && !isStopped) {
      if (failures === 0) log.warn('the database cannot be reached', { reason: describeRefusal(error) })
      failures += 1
      pause(backoffMs(failures))
    }
    failed(error)
  }

  return {
    mayOpen: () =>
      connections < max && timer === undefined && !isStopped && (failures === 0 || opening === 0),
    open() {
      connections += 1
      opening += 1
      connect().then(succeed, fail)
    },
    opening: () => opening,
    pause,
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
