import type { ClientSql } from '../db/client.ts'
import type { Tables } from '../db/tables.ts'
import type { Progress } from './progress.ts'
import type { Reader } from './reading.ts'
import { type Findings, type ReadingRules, readTask, readUser, type StoredUser } from './rows.ts'
import { createTally, quoted } from './tally.ts'

/** What an import would copy, with its problems and changes. */
export interface Scan extends Findings {
  users: number
  deletedUsers: number
  /** How many users are already in the target, without tasks. */
  takenOver: number
  tasks: number
  deletedTasks: number
  keys: number
}

export interface ScanOptions {
  reader: Reader
  rules: ReadingRules
  target: ClientSql
  tables: Tables
  progress: Progress
}

const ofEmail = (email: string) => email.replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/** Looks for conflicts with users of the target. */
const compareUsers = async (users: StoredUser[], { target, tables }: ScanOptions, scan: Scan) => {
  const ids = JSON.stringify(users.map(({ id }) => id))
  const byEmail = new Map(users.flatMap((user) => (user.email === null ? [] : [[ofEmail(user.email), user]])))
  const found = await target<{ id: string; email: string | null; has_tasks: boolean }[]>`
    select id, lower(email collate "C") as email, exists (select from ${tables.tasks} where user_id = users.id) as has_tasks
    from ${tables.users} as users
    where id in (select json_array_elements_text(${ids}::text::json))
    union
    select id, lower(email collate "C"), false
    from ${tables.users}
    where lower(email collate "C") in (select json_array_elements_text(${JSON.stringify([...byEmail.keys()])}::text::json))
      and id not in (select json_array_elements_text(${ids}::text::json))`
  const own = new Set(users.map(({ id }) => id))
  for (const { id, email, has_tasks } of found) {
    const claimant = email === null ? undefined : byEmail.get(email)
    if (claimant && claimant.id !== id)
      scan.problems.add('emails that another user of the target has', quoted(claimant.email))
    if (!own.has(id)) continue
    if (has_tasks) scan.problems.add('users who have tasks in the target already', quoted(id))
    else scan.takenOver += 1
  }
}

/** Reads the whole source and looks for problems. Changes nothing. */
export const scanSource = async (options: ScanOptions): Promise<Scan> => {
  const { reader, rules, progress } = options
  const scan: Scan = {
    users: 0,
    deletedUsers: 0,
    takenOver: 0,
    tasks: 0,
    deletedTasks: 0,
    keys: 0,
    problems: createTally(),
    changes: createTally(),
  }
  const { emails, ids, keys, taskIds } = await reader.duplicates()
  for (const email of emails) scan.problems.add('emails of more than one user, but for case', quoted(email))
  for (const id of ids) scan.problems.add('ids of more than one user', quoted(id))
  for (const key of keys)
    if (!ids.includes(key))
      scan.problems.add('keys of more than one user, by which tasks have them', quoted(key))
  for (const id of taskIds) scan.problems.add('ids of more than one task', quoted(id))

  for await (const rows of reader.users()) {
    const present = rows.filter((row) => !row.is_deleted)
    scan.deletedUsers += rows.length - present.length
    const users = present.flatMap((row) => readUser(row, rules, scan) ?? [])
    scan.users += users.length
    await compareUsers(users, options, scan)
  }
  for await (const rows of reader.tasks()) {
    for (const row of rows) {
      if (row.is_deleted) scan.deletedTasks += 1
      else if (readTask(row, 0, rules, scan)) scan.tasks += 1
    }
    progress.advance(rows.length)
  }
  for await (const rows of reader.keys()) scan.keys += rows.length
  progress.end()
  return scan
}
