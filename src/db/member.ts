import type { Connection } from './client.ts'
import type { Job } from './statement.ts'

/** A connection in the pool, and the statements on it. */
export interface Member {
  readonly connection: Connection
  /** Statements that were sent and are not answered yet, oldest first. */
  readonly running: Job[]
  /** The sum of their weights. */
  load: number
  /** How many statements were sent since the connection was last idle. */
  withoutRest: number
  /** Whether a statement was sent since the last sweep for idle connections. */
  isUsed: boolean
  /** How many statements were ever sent. */
  sent: number
  /** The oldest running statement, and the value of `sent`, at the last look for silent connections. */
  seenRunning: Job | undefined
  seenSent: number
  /** Whether the same statement was the oldest one at two looks in a row. */
  isSilent: boolean
  /** Closes it at the end of the grace period. */
  grace: ReturnType<typeof setTimeout> | undefined
}

export const createMember = (connection: Connection): Member => ({
  connection,
  running: [],
  load: 0,
  withoutRest: 0,
  isUsed: true,
  sent: 0,
  seenRunning: undefined,
  seenSent: 0,
  isSilent: false,
  grace: undefined,
})

/** Marks the connections that have answered nothing since the last look. True if one of them was not marked before. */
export const lookForSilent = (members: Iterable<Member>): boolean => {
  let isNews = false
  for (const member of members) {
    const oldest = member.running[0]
    if (oldest && oldest === member.seenRunning && !member.isSilent) isNews = member.isSilent = true
    member.seenRunning = oldest
  }
  return isNews
}

/** Whether a connection is idle, and has been since the last look. */
export const isUnproven = ({ running, sent, seenSent }: Member): boolean =>
  running.length === 0 && sent === seenSent
