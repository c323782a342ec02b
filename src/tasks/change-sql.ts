import { fragment } from '../db/client.ts'
import type { Disagreement, TaskChange } from './schema.ts'

/** The versions of a task (values of `updated_at`) that may be changed: any, some, or all but some. */
export type Versions = '*' | { in: readonly string[] } | { notIn: readonly string[] }

const nothing = fragment``
const ownStatus = fragment`status`
const reopened = fragment`case when completed then 'pending' else status end`

const times = (versions: readonly string[]) =>
  fragment`(string_to_array(${versions.join()}, ',')::timestamptz[])`

/** The condition that a row has one of these versions, to be appended to a `where`. */
export const atVersion = (versions: Versions) => {
  if (versions === '*') return nothing
  return 'in' in versions
    ? fragment`and updated_at = any${times(versions.in)}`
    : fragment`and updated_at <> all${times(versions.notIn)}`
}

/**
 * The new `updated_at` of a changed row. It is later than the old one even if the clock was set back.
 *
 * @param nowMs milliseconds since 1970
 */
export const later = (nowMs: number) => fragment`
  greatest(${new Date(nowMs).toISOString()},
           ((updated_at at time zone 'UTC') + interval '1 microsecond') at time zone 'UTC')`

/** Whether the stored version is not the one that the client has read. */
const isStale = ({ readAt }: Disagreement) =>
  readAt ? fragment`(updated_at < ${readAt.from} or updated_at >= ${readAt.before})` : fragment`false`

/** The new status of a row where the body's status and completion disagree. See {@link Disagreement}. */
const settled = (wanted: Disagreement) =>
  wanted.completed
    ? fragment`case when status = ${wanted.status} or ${isStale(wanted)} then 'completed' else ${wanted.status} end`
    : fragment`case when completed then 'pending' when ${isStale(wanted)} then status else 'completed' end`

/** The new status of a row. */
export const statusFor = (wanted: TaskChange['status']) => {
  if (wanted === undefined) return ownStatus
  if (wanted === 'reopened') return reopened
  return typeof wanted === 'object' ? settled(wanted) : fragment`${wanted}`
}

/**
 * The condition that the new status is clear, to be appended to a `where`. It is not clear if status and completion
 * disagree and both differ from the row.
 */
export const isStatusClear = (wanted: TaskChange['status']) =>
  typeof wanted === 'object' && wanted.completed
    ? fragment`and (completed or status = ${wanted.status} or ${isStale(wanted)})`
    : nothing
