import type { PendingQuery, Row } from 'postgres'
import { unavailable } from '../errors.ts'
import { createFairQueue, type Owned } from '../fair-queue.ts'
import type { Log } from '../log.ts'
import type { ClientSql, Connection } from './client.ts'
import { createMember, isUnproven, lookForSilent, type Member } from './member.ts'
import { remove } from './remove.ts'
import { describeRefusal, errorCode, isServerError, READ_ONLY } from './sqlstate.ts'

/** A statement, composed when it is known over which connection it is sent. */
export type Statement<T extends readonly Row[] = readonly Row[]> = (sql: ClientSql) => PendingQuery<T>

/** A statement, and who waits for its answer. */
export interface Job extends Owned {
  readonly statement: Statement
  /** As how many ordinary statements it counts. */
  readonly weight: number
  resolve(rows: readonly Row[]): void
  reject(error: unknown): void
}

/** Connections, opened as they are needed and closed when they are not. */
export interface Pool {
  /** Sends a statement as soon as there is a connection for it; owners take turns. */
  add(job: Job): void
  /** Drops what waits; of what was sent, the connection is asked to cancel it, and not used again. */
  giveUp(job: Job): void
  /** How many statements wait for a connection. */
  waiting(): number
  /** Takes no more statements, and resolves when what was sent and not given up is answered; after 1 s without. */
  close(): Promise<void>
}

export interface PoolOptions {
  connect: () => Promise<Connection>
  /** How many connections there may be. */
  max: number
  /** A connection is closed after this time without a statement, or up to twice of it; 60 s by default. */
  idleMs?: number
  log: Log
}

/**
 * Statements on one connection, when there is no other for them: three wait for a slow one. With one, each would
 * cost a system call of its own, a fifth more CPU time.
 */
const MAX_PIPELINED = 4

/** Which part of the connections may be busy with one owner's statements; at least one. */
const PART_OF_ONE = 3 / 4

/**
 * After so many statements a connection answers all it has before it takes another. postgres.js keeps them in
 * arrays that are only shortened when they are empty: without a rest they would grow for as long as the load lasts.
 */
const MAX_WITHOUT_REST = 500

/** How long a connection that is left may take to answer what was sent over it. */
const GRACE_MS = 1000

/**
 * How often connections are looked at whether they answer. One that does not for that long is slow, or dead like
 * those beside it, which only an answer can tell.
 */
const LOOK_EVERY_MS = 500

/** After so long without one, the next read-only answer is followed up at once again. */
const QUIET_MS = 10_000

/** Neon puts a database to sleep after five idle minutes; nothing is gained by holding on to it. */
const IDLE_MS = 60_000

/** From 50 ms, doubling, to 0.5 s, with jitter, so that a server that returns is noticed within a second. */
const backoffMs = (failures: number): number => Math.min(25 * 2 ** failures, 500) * (0.5 + Math.random() / 2)

const stopping = () => unavailable('the service is stopping')

/**
 * Makes a pool. Statements wait in it, not on connections: one that is lost takes only those along that were sent
 * over it. While no connection can be made, those that wait are told so at each attempt.
 */
export const createPool = ({ connect, max, idleMs = IDLE_MS, log }: PoolOptions): Pool => {
  /** The connections that take statements. */
  const members = new Set<Member>()
  const waiting = createFairQueue<Job>()
  /** One owner has so many connections at most: what waits there, for a lock or a disk, is in nobody else's way. */
  const maxOfOne = Math.max(1, Math.floor(max * PART_OF_ONE))
  /** Also those that are being opened, or are being left. */
  let connections = 0
  let opening = 0
  let failures = 0
  let backoff: ReturnType<typeof setTimeout> | undefined
  /** How often read-only answers were followed up, and when that may be done again. */
  let followUps = 0
  let nextFollowUpAt = 0
  let isClosed = false

  /** While the server cannot be reached, one attempt is enough. */
  const mayOpen = () =>
    connections < max && backoff === undefined && !isClosed && (failures === 0 || opening === 0)

  /** A connection without work takes a statement at once, others only when no further one is to be had. */
  const takesOneMore = ({ running, load, withoutRest, isSilent }: Member): boolean =>
    running.length === 0 ||
    (load < MAX_PIPELINED && withoutRest < MAX_WITHOUT_REST && !isSilent && opening === 0 && !mayOpen())

  const hasRoom = () => members.values().some(takesOneMore)

  /** The least busy connection for a statement; none while its owner has as much as one may. */
  const memberFor = ({ owner, weight }: Job): Member | undefined => {
    let own = 0
    let held = 0
    let found: Member | undefined
    let foundOwn: Member | undefined
    // One pass without a function for each connection: this is done for every statement.
    for (const member of members) {
      let heldHere = 0
      if (owner !== undefined)
        for (const job of member.running) if (job.owner === owner) heldHere += job.weight
      if (heldHere > 0) own += 1
      held += heldHere
      // A heavy one goes alone: when it takes too long, what is given up with its connection is nobody else's.
      const takes = weight > MAX_PIPELINED ? member.running.length === 0 : takesOneMore(member)
      if (!takes) continue
      if (!found || member.load < found.load) found = member
      if (heldHere > 0 && (!foundOwn || member.load < foundOwn.load)) foundOwn = member
    }
    // However heavy, an owner's only statement may go.
    if (held > 0 && held + weight > maxOfOne * MAX_PIPELINED) return undefined
    return own < maxOfOne ? found : foundOwn
  }

  const dispatch = () => {
    while (waiting.size() > 0) {
      let member: Member | undefined
      const goes = (job: Job) => {
        member = memberFor(job)
        return member !== undefined
      }
      const job = hasRoom() ? waiting.take(goes) : undefined
      if (!job || !member) break
      send(job, member)
    }
    while (opening < waiting.size() && mayOpen()) open()
  }

  const send = (job: Job, member: Member) => {
    const { connection, running } = member
    member.withoutRest = running.length === 0 ? 1 : member.withoutRest + 1
    member.sent += 1
    member.isUsed = true
    running.push(job)
    member.load += job.weight
    const answered = () => {
      if (!remove(running, job)) return
      member.load -= job.weight
      member.isSilent = false
      if (waiting.size() > 0) dispatch()
      if (running.length === 0 && !members.has(member)) connection.end()
    }
    Promise.try(job.statement, connection.sql).then(
      (rows) => {
        const { doubt, isReadOnly } = connection
        if (doubt === undefined) job.resolve(rows)
        else job.reject(unavailable(doubt))
        if (isReadOnly) followUp(member)
        else if (doubt !== undefined) leave(member)
        answered()
      },
      (error) => {
        job.reject(error)
        if (errorCode(error) === READ_ONLY) followUp(member)
        else if (connection.doubt !== undefined) leave(member)
        // Errors of the driver's own tell that it has lost count of what is on its way.
        if (!isServerError(error)) {
          members.delete(member)
          connection.destroy()
        }
        answered()
      },
    )
  }

  /**
   * A server that only reads may have lost its place to another one, which new connections lead to. When that is
   * news, all connections are as old as the server they lead to, and are left. Else the database may be read-only
   * on purpose: one is replaced now and then, and the others are kept until a new one takes writes.
   */
  const followUp = (member: Member) => {
    if (!members.has(member)) return
    const { isReadOnly, doubt, closed } = member.connection
    const isNews = !isReadOnly || doubt !== undefined
    const now = performance.now()
    if (!isNews && now < nextFollowUpAt) return
    if (now > nextFollowUpAt + QUIET_MS) followUps = 0
    const pauseMs = backoffMs(followUps)
    followUps += 1
    nextFollowUpAt = now + pauseMs
    if (isNews) {
      log.warn('the database has become read-only, its connections are left')
      members.forEach(leave)
      pauseOpening(pauseMs)
    } else {
      leave(member)
      closed.then(() => mayOpen() && open())
    }
  }

  const pauseOpening = (ms: number) => {
    backoff ??= setTimeout(() => {
      backoff = undefined
      dispatch()
    }, ms)
  }

  /** Sends no more over a connection, and closes it when it has answered. */
  const leave = (member: Member) => {
    if (!members.delete(member)) return
    if (member.running.length === 0) return member.connection.end()
    const timer = setTimeout(member.connection.destroy, GRACE_MS)
    return member.connection.closed.then(() => clearTimeout(timer))
  }

  const open = () => {
    connections += 1
    opening += 1
    connect().then(opened, notOpened)
  }

  const opened = (connection: Connection) => {
    opening -= 1
    if (isClosed) return connection.destroy()
    if (failures > 0) log.info('the database can be reached again')
    failures = 0
    for (const other of members) if (other.connection.isReadOnly && !connection.isReadOnly) leave(other)
    const member = createMember(connection)
    members.add(member)
    connection.closed.then(() => lost(member))
    dispatch()
  }

  const notOpened = (error: unknown) => {
    opening -= 1
    connections -= 1
    // Of several at the same moment only the first counts.
    if (backoff === undefined && !isClosed) {
      if (failures === 0) log.warn('the database cannot be reached', { reason: describeRefusal(error) })
      failures += 1
      pauseOpening(backoffMs(failures))
    }
    if (members.size > 0 || opening > 0) return
    rejectWaiting(unavailable(`no connection to the database: ${errorCode(error)}`, error))
  }

  const rejectWaiting = (error: unknown) => {
    for (const job of waiting.drain()) job.reject(error)
  }

  const lost = (member: Member) => {
    members.delete(member)
    connections -= 1
    for (const job of member.running.splice(0))
      job.reject(unavailable('the connection to the database was lost'))
    dispatch()
  }

  /** What silenced a connection may have hit those beside it: they are not used before they have answered. */
  const checkIdle = () => {
    for (const member of members) if (isUnproven(member)) check(member)
  }

  const check = (member: Member) => {
    members.delete(member)
    const timer = setTimeout(member.connection.destroy, GRACE_MS)
    const isAlive: Job = {
      owner: undefined,
      weight: 1,
      statement: (sql) => sql<readonly Row[]>`select 1`,
      resolve() {
        clearTimeout(timer)
        if (!isClosed) members.add(member)
      },
      reject: () => clearTimeout(timer),
    }
    send(isAlive, member)
  }

  const watch = setInterval(() => {
    if (lookForSilent(members)) checkIdle()
    for (const member of members) member.seenSent = member.sent
  }, LOOK_EVERY_MS).unref()

  const sweeper = setInterval(() => {
    for (const member of members) {
      if (!member.isUsed && member.running.length === 0) leave(member)
      member.isUsed = false
    }
  }, idleMs).unref()

  return {
    add(job) {
      if (isClosed) return job.reject(stopping())
      const member = waiting.size() === 0 ? memberFor(job) : undefined
      if (member) return send(job, member)
      waiting.add(job)
      dispatch()
    },
    giveUp(job) {
      if (waiting.remove(job)) return
      const member = members.values().find(({ running }) => running.includes(job))
      if (!member) return
      log.warn('a statement took too long, its connection is given up')
      member.connection.cancel()
      leave(member)
      checkIdle()
    },
    waiting: waiting.size,
    async close() {
      isClosed = true
      clearInterval(watch)
      clearInterval(sweeper)
      clearTimeout(backoff)
      rejectWaiting(stopping())
      await Promise.all(Array.from(members, leave))
    },
  }
}
