import { isUserId } from '../auth/token.ts'
import { quoted, type Tally } from './tally.ts'

/** A task of a source. Values are in PostgreSQL's text format. */
export interface SourceTask {
  id: string | null
  owner: string | null
  /** The subject of the owner's tokens. `null` if the owner is not among the users. */
  user_id: string | null
  title: string | null
  description: string | null
  completed: string | null
  status: string | null
  created_at: string | null
  updated_at: string | null
  is_deleted: boolean
}

export interface SourceUser {
  id: string | null
  email: string | null
  password_hash: string | null
  created_at: string | null
  is_deleted: boolean
  is_inactive: boolean
}

/** A task as it is stored. A time that is `null` becomes the time of the import. */
export interface StoredTask {
  id: string
  user_id: string
  title: string
  description: string | null
  status: string
  created_at: string | null
  updated_at: string | null
}

export interface StoredUser {
  id: string
  email: string | null
  password_hash: string | null
  created_at: string | null
}

/** Problems, which stop the import, and changes to values that are imported. */
export interface Findings {
  problems: Tally
  changes: Tally
}

/** How the rows of a source are read. */
export interface ReadingRules {
  isIdKept: boolean
  /** Which columns have the completion. Without either, tasks are pending. */
  hasCompleted: boolean
  hasStatus: boolean
  /** Whether the encoding is SQL_ASCII, which allows any bytes. Those that are not UTF-8 are read as U+FFFD. */
  isEncodingUnknown: boolean
}

const MAX_TITLE = 200
/** The most characters of a description. */
export const MAX_DESCRIPTION = 10_000

/** One less than the largest possible id, because the next task needs one, too. */
const MAX_ID = Number.MAX_SAFE_INTEGER - 1

const STATUSES: Record<string, string> = {
  pending: 'pending',
  todo: 'pending',
  to_do: 'pending',
  open: 'pending',
  new: 'pending',
  not_started: 'pending',
  incomplete: 'pending',
  false: 'pending',
  in_progress: 'in_progress',
  inprogress: 'in_progress',
  doing: 'in_progress',
  started: 'in_progress',
  completed: 'completed',
  complete: 'completed',
  done: 'completed',
  finished: 'completed',
  true: 'completed',
}

const COMPLETIONS: Record<string, boolean> = {
  true: true,
  t: true,
  yes: true,
  '1': true,
  false: false,
  f: false,
  no: false,
  '0': false,
}

const lookUp = <T>(table: Record<string, T>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined

/** How problems and changes name a task or a user. */
const taskName = ({ id }: SourceTask) => `task ${id === null ? 'without an id' : quotedUnlessPlain(id)}`
const userName = ({ id, email }: SourceUser) =>
  `user ${quoted(id)}${email === null ? '' : ` (${quoted(email)})`}`
const quotedUnlessPlain = (text: string) => (/^[\w-]{1,60}$/.test(text) ? text : quoted(text))

/** The status of a task by each column that has it. `undefined` for an unknown value. */
const readStates = (task: SourceTask, { hasCompleted, hasStatus }: ReadingRules): (string | undefined)[] => {
  const completed = task.completed === null ? false : lookUp(COMPLETIONS, task.completed.trim().toLowerCase())
  const word = task.status
    ?.trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_')
  const states = [
    ...(hasStatus ? [word === undefined ? 'pending' : lookUp(STATUSES, word)] : []),
    ...(hasCompleted ? [completed === undefined ? undefined : completed ? 'completed' : 'pending'] : []),
  ]
  return states.length > 0 ? states : ['pending']
}

/** `2026-02-01 09:30:00.123456+00`, of a year from 1 to 9999. */
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00$/

const isTime = (text: string | null): boolean => text === null || TIME.test(text)

const cut = (text: string, length: number): string => {
  const characters = text.length > length ? [...text] : []
  return characters.length > length ? characters.slice(0, length).join('') : text
}

/** Shortens title and description to their limits. The whole of a long title is put at the top of the description. */
const fitText = (title: string, description: string | null) => {
  const short = cut(title, MAX_TITLE)
  const isTitleCut = short !== title
  const whole = isTitleCut ? [title, ...(description ? [description] : [])].join('\n\n') : description
  const fitted = whole === null ? null : cut(whole, MAX_DESCRIPTION)
  return { title: short.trimEnd(), description: fitted, isTitleCut, isDescriptionCut: fitted !== whole }
}

const isBroken = (texts: (string | null)[], { isEncodingUnknown }: ReadingRules): boolean =>
  texts.some(
    (text) => text !== null && (text.includes('\0') || (isEncodingUnknown && text.includes('\ufffd'))),
  )

const idProblem = (id: string | null, { isIdKept }: ReadingRules): string | undefined => {
  if (!isIdKept) return undefined
  const isWithin = id !== null && /^\d{1,16}$/.test(id) && Number(id) >= 1 && Number(id) <= MAX_ID
  return isWithin ? undefined : `with an id that is not from 1 to ${MAX_ID}`
}

/**
 * Converts a task. `undefined` if it has a problem, which is added to `problems`.
 *
 * @param id the new id, if ids are not kept
 */
export const readTask = (
  row: SourceTask,
  id: number,
  rules: ReadingRules,
  { problems, changes }: Findings,
): StoredTask | undefined => {
  const name = taskName(row)
  const title = row.title?.trim() ?? ''
  const fitted = fitText(title, row.description)
  const states = readStates(row, rules)
  const [first] = states
  const hasProblem = (kind: string, example = name) => {
    problems.add(kind, example)
    return undefined
  }
  // Only what would be stored counts. The last character that was read may be broken because the rest was not.
  if (isBroken([fitted.title, fitted.description], rules))
    return hasProblem('tasks with text that is broken (no UTF-8, or a NUL character)')
  const wrongId = idProblem(row.id, rules)
  if (wrongId) return hasProblem(`tasks ${wrongId}`)
  if (row.user_id === null)
    return hasProblem('tasks of an owner who is no user', `${name} of ${quoted(row.owner)}`)
  if (title === '') return hasProblem('tasks with a blank title')
  if (first === undefined || states.includes(undefined))
    return hasProblem(
      'tasks with a status that cannot be understood',
      `${name} (${[...(rules.hasStatus ? [quoted(row.status)] : []), ...(rules.hasCompleted ? [`completed ${quotedUnlessPlain(row.completed ?? 'null')}`] : [])].join(', ')})`,
    )
  if (!isTime(row.created_at) || !isTime(row.updated_at))
    return hasProblem('tasks with a time that is not in the years 1 to 9999')

  // Many programs only update one of the two columns, and leave the other at its default.
  const status = states.includes('completed') ? 'completed' : first
  if (states.includes('completed') && new Set(states).size > 1)
    changes.add('tasks completed by one column and not by the other: taken as completed', name)
  if (fitted.isTitleCut)
    changes.add('titles over 200 characters: cut, and whole at the top of the description', name)
  if (fitted.isDescriptionCut) changes.add('descriptions over 10,000 characters: cut at the end', name)
  return {
    id: rules.isIdKept ? String(row.id) : String(id),
    user_id: row.user_id,
    title: fitted.title,
    description: fitted.description,
    status,
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}

/** A bcrypt hash, with the prefixes of Spring and Django. */
const BCRYPT = /^(?:\{bcrypt\}|bcrypt\$)?(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})$/

/** The algorithm of a hash, such as `argon2`. */
const hashName = (hash: string): string =>
  /^\$?(argon2|scrypt|pbkdf2|sha\d+|md5|bcrypt[-_]sha256)/i.exec(hash)?.[1] ?? 'another kind'

/** Converts a user. `undefined` if it has a problem, which is added to `problems`. */
export const readUser = (
  row: SourceUser,
  rules: ReadingRules,
  { problems, changes }: Findings,
): StoredUser | undefined => {
  const name = userName(row)
  if (row.id === null || !isUserId(row.id) || isBroken([row.id, row.email], rules)) {
    problems.add('users whose id no token may have (1 to 255 characters, no control characters)', name)
    return undefined
  }
  if (!isTime(row.created_at)) {
    problems.add('users with a time that is not in the years 1 to 9999', name)
    return undefined
  }
  const hash = row.password_hash || null
  const kept = hash === null ? null : (BCRYPT.exec(hash)?.[1] ?? null)
  if (hash !== null && kept === null)
    changes.add(
      `password hashes left behind, because they are not bcrypt but ${hashName(hash)}; their users cannot log in by password`,
      name,
    )
  if (row.is_inactive && kept !== null)
    changes.add('users who are not active there, and can log in here', name)
  return {
    id: row.id,
    email: row.email?.trim() || null,
    password_hash: kept,
    created_at: row.created_at,
  }
}
