import type { Member } from './member.ts'
import type { Job } from './statement.ts'

/**
 * How many statements may share a connection when no other one is free: a slow statement delays three at most. Without
 * pipelining each statement costs a system call of its own, and a fifth more CPU time.
 */
const MAX_PIPELINED = 4

/**
 * After this many statements a connection must become idle before it takes another. postgres.js keeps statements in
 * arrays that it only shortens when they are empty, so under constant load they would grow without limit.
 */
const MAX_WITHOUT_REST = 500

/**
 * The weight of a statement that runs alone on its connection: if it times out, its connection is closed, and no other
 * statement is lost. An owner may have one of them.
 */
export const ALONE = 1000

/** Whether a connection may take another statement; one that is busy only if `mayPipeline`. */
const takesAnother = (member: Member, mayPipeline: boolean): boolean =>
  member.running.length === 0 ||
  (mayPipeline && member.load < MAX_PIPELINED && member.withoutRest < MAX_WITHOUT_REST && !member.isSilent)

/** Whether any connection may take another statement. */
export const hasRoom = (members: Iterable<Member>, mayPipeline: boolean): boolean => {
  for (const member of members) if (takesAnother(member, mayPipeline)) return true
  return false
}

/**
 * Chooses the least loaded connection for a statement. `undefined` if there is none, or if the statement's owner has
 * reached its limit. This runs for every statement, so it is one loop without a closure.
 *
 * @param mayPipeline whether a busy connection may take another statement
 * @param maxOfOne the most connections that statements of one owner may use
 */
export const chooseMember = (
  members: Iterable<Member>,
  { owner, weight }: Job,
  mayPipeline: boolean,
  maxOfOne: number,
): Member | undefined => {
  let own = 0
  let held = 0
  let found: Member | undefined
  let foundOwn: Member | undefined
  for (const member of members) {
    let heldHere = 0
    if (owner !== undefined) for (const job of member.running) if (job.owner === owner) heldHere += job.weight
    if (heldHere > 0) own += 1
    held += heldHere
    const takes = weight >= ALONE ? member.running.length === 0 : takesAnother(member, mayPipeline)
    if (!takes) continue
    if (!found || member.load < found.load) found = member
    if (heldHere > 0 && (!foundOwn || member.load < foundOwn.load)) foundOwn = member
  }
  // An owner with nothing running may always send one statement, however heavy.
  if (held > 0 && held + weight > maxOfOne * MAX_PIPELINED) return undefined
  return own < maxOfOne ? found : foundOwn
}
