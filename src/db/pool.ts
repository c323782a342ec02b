import type { Row } from 'postgres'
import { unavailable } from '../errors.ts'
import { createFairQueue } from '../fair-queue.ts'
import type { Log } from '../log.ts'
import { createFollowUps } from './backoff.ts'
import { chooseMember, hasRoom } from './choice.ts'
import type { Connection } from './client.ts'
import { createMember, isUnproven, lookForSilent, type Member } from './member.ts'
import { createOpener } from './opener.ts'
import { remove } from './remove.ts'
import { errorCode, isServerError, READ_ONLY } from './sqlstate.ts'
import type { Job } from './statement.ts'

/** A connection pool. It opens connections when they are needed and closes idle ones. */
export interface Pool {
  /** Sends a statement as soon as a connection is free. Owners take turns. */
  add(job: Job): void
  /** Removes a statement from the queue. If it was sent, cancels it and closes its connection. */
  giveUp(job: Job): void
  /**
   * Takes the newest statement of the owner with the most waiting ones out of the queue, if `owner` has clearly fewer.
   * It is for the caller to reject.
   */
  makeRoomFor(owner: string | undefined): Job | undefined
  /** How many statements wait for a connection, of all or of one owner. */
  waiting(): number
  waitingOf(owner: string): number
  /** Takes no more statements, and resolves when those that were sent are answered, or after 1 s. */
  close(): Promise<void>
}

export interface PoolOptions {
  connect: () => Promise<Connection>
  /** The most connections. */
  max: number
  /** A connection is closed when it has been idle for between once and twice this time; 60 s by default. */
  idleMs?: number
  log: Log
}

/** The share of the connections that one owner's statements may use; at least one connection. */
const PART_OF_ONE = 3 / 4

/** How long no further connection is opened after one that came too late. */
const LATE_PAUSE_MS = 250

/** How long a connection that is to be closed may be silent before it has answered all that was sent. */
const GRACE_MS = 1000

/** How long a cancelled statement may take to answer before the next request to cancel. */
const CANCEL_AGAIN_AFTER_MS = 100

/**
 * How often the pool looks for silent connections. A connection without an answer for this long is slow or dead. If it
 * is dead, the others may be dead, too.
 */
const LOOK_EVERY_MS = 500

/** Neon suspends a database after five idle minutes, and its connections are lost. There is no use in keeping idle ones. */
const IDLE_MS = 60_000

const stopping = () => unavailable('the service is stopping')

/**
 * Makes a pool. Statements wait in its queue, not on connections, so a lost connection only fails the statements that
 * were sent over it. While no connection can be opened, each failed attempt rejects all waiting statements.
 */
export const createPool = ({ connect, max, idleMs = IDLE_MS, log }: PoolOptions): Pool => {
  /** The connections that take statements. */
  const members = new Set<Member>()
  const waiting = createFairQueue<Job>()
  /** The most connections for one owner. Its statements may wait for a lock or a disk without blocking the others. */
  const maxOfOne = Math.max(1, Math.floor(max * PART_OF_ONE))
  const nextFollowUp = createFollowUps()
  let isClosed = false

  /** Statements share a connection only if no further connection is being opened or can be. */
  const mayPipeline = () => opener.opening() === 0 && !opener.mayOpen()

  const memberFor = (job: Job) => chooseMember(members, job, mayPipeline(), maxOfOne)

  const dispatch = () => {
    while (waiting.size() > 0) {
      let member: Member | undefined
      const canSend = (job: Job) => {
        member = memberFor(job)
        return member !== undefined
      }
      const job = hasRoom(members, mayPipeline()) ? waiting.take(canSend) : undefined
      if (!job || !member) break
      send(job, member)
    }
    while (opener.opening() < waiting.size() && opener.mayOpen()) opener.open()
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
      else member.grace?.refresh()
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
        // After an error of its own, the driver may match answers to the wrong statements.
        if (!isServerError(error)) {
          members.delete(member)
          connection.destroy()
        }
        answered()
      },
    )
  }

  /**
   * Handles an answer from a read-only server. If the connection took writes before, the server may have been replaced in
   * a failover, and new connections may reach its successor: all connections are closed. Otherwise the database may be
   * read-only on purpose: one connection is replaced now and then, and the others stay until a new one takes writes.
   */
  const followUp = (member: Member) => {
    if (!members.has(member)) return
    const { isReadOnly, doubt, closed } = member.connection
    const isNews = !isReadOnly || doubt !== undefined
    const delayMs = nextFollowUp(isNews)
    if (delayMs === undefined) return
    if (isNews) {
      log.warn('the database has become read-only: its connections are closed')
      members.forEach(leave)
      opener.pause(delayMs)
    } else {
      leave(member)
      closed.then(() => opener.mayOpen() && opener.open())
    }
  }

  /** Sends nothing more over a connection, and closes it when all is answered, or after the grace period. */
  const leave = (member: Member) => {
    if (!members.delete(member)) return
    const { connection, running } = member
    if (running.length === 0) return connection.end()
    member.grace = setTimeout(connection.destroy, GRACE_MS)
    return connection.closed.then(() => clearTimeout(member.grace))
  }

  /**
   * Cancels all that was sent over a connection: a statement would go on after the connection has been closed, and hold
   * its locks. A request that reaches the server before its statement cancels nothing, so it is repeated.
   */
  const cancelAll = async ({ connection, running }: Member): Promise<void> => {
    while (running.length > 0) {
      await connection.cancel()
      await Bun.sleep(CANCEL_AGAIN_AFTER_MS)
    }
  }

  const opener = createOpener({
    connect,
    max,
    log,
    opened(connection) {
      // The attempt may have begun before a failover, and have reached the old server.
      if (connection.isReadOnly && members.values().some((other) => !other.connection.isReadOnly)) {
        connection.destroy()
        opener.pause(LATE_PAUSE_MS)
        return dispatch()
      }
      for (const other of members) if (other.connection.isReadOnly && !connection.isReadOnly) leave(other)
      const member = createMember(connection)
      members.add(member)
      connection.closed.then(() => lost(member))
      dispatch()
    },
    failed(error) {
      if (members.size > 0 || opener.opening() > 0) return
      rejectWaiting(unavailable(`no connection to the database: ${errorCode(error)}`, error))
    },
    resumed: dispatch,
  })

  const rejectWaiting = (error: unknown) => {
    for (const job of waiting.drain()) job.reject(error)
  }

  const lost = (member: Member) => {
    members.delete(member)
    for (const job of member.running.splice(0))
      job.reject(unavailable('the connection to the database was lost'))
    dispatch()
  }

  /** Checks the idle connections: whatever made one connection silent may have broken them, too. */
  const checkIdle = () => {
    for (const member of members) if (isUnproven(member)) check(member)
  }

  /** Takes a connection out of the pool until it has answered. */
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
      log.warn('a statement took too long: its connection is closed')
      leave(member)
      cancelAll(member)
      checkIdle()
    },
    makeRoomFor: waiting.makeRoomFor,
    waiting: waiting.size,
    waitingOf: waiting.countOf,
    async close() {
      isClosed = true
      opener.stop()
      clearInterval(watch)
      clearInterval(sweeper)
      rejectWaiting(stopping())
      await Promise.all(Array.from(members, leave))
    },
  }
}
