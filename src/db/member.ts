import type { Connection } from './client.ts'
import type { Job } from './pool.ts'

/** A connection of the pool's, and what is under way on it. */
export interface Member {
  readonly connection: Connection
  /** Sent and not answered yet, in order. */
  readonly running: Job[]
  /** Their weight. */
  load: number
  /** How many were sent since nothing was running. */
  withoutRest: number
  /** Since the last look for connections that are not used. */
  isUsed: boolean
  /** How many were sent over it, ever. */
  sent: number
  /** What had run longest, and how many had been sent, at the last look for silent connections. */
  seenRunning: Job | undefined
  seenSent: number
  /** The same statement has run longest for two looks. */
  isSilent: boolean
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
})

/** Looks which connections have answered nothing since the last look; true when one has newly become silent. */
export const lookForSilent = (members: Iterable<Member>): boolean => {
  let isNews = false
  for (const member of members) {
    const runsLongest = member.running[0]
    if (runsLongest && runsLongest === member.seenRunning && !member.isSilent) isNews = member.isSilent = true
    member.seenRunning = runsLongest
  }
  return isNews
}

/** True for a connection that has not been used since the last look, and is not. */
export const isUnproven = ({ running, sent, seenSent }: Member): boolean =>
  running.length === 0 && sent === seenSent
