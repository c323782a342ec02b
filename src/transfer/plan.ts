import { isFieldName } from './columns.ts'
import type { Mapping } from './mapping.ts'
import type { Scan } from './scan.ts'
import { type Column, type Table, tableName } from './tables.ts'
import { countOf, formatCount } from './tally.ts'

/** A line of the plan: a column of this service, and its source. */
type Line = [ours: string, from: string]

const alignLines = (lines: Line[]): string[] => {
  const width = Math.max(...lines.map(([ours]) => ours.length))
  return lines.map(([ours, from]) => `  ${ours.padEnd(width)}  ${from}`)
}

const from = (column: Column | undefined, note = ''): string =>
  column ? `<- ${column.name} (${column.type})${note}` : `-- ${note}`

const timeNote = (column: Column | undefined, absent: string): string => {
  if (!column) return absent
  return column.type.includes('with time zone') ? '' : ', read as UTC'
}

const leftBehindLines = (columns: Column[]): string[] => {
  const unknown = columns.filter(({ name }) => !isFieldName(name)).map(({ name }) => name)
  const unread = columns.filter(({ name }) => isFieldName(name)).map(({ name, type }) => `${name} (${type})`)
  return [
    ...(unknown.length > 0
      ? [`  left behind, because there is no such field here: ${unknown.join(', ')}`]
      : []),
    ...(unread.length > 0
      ? [`  left behind, because another column is read, or none of this type: ${unread.join(', ')}`]
      : []),
  ]
}

const skippedLine = (count: number, deleted: Column | undefined): string[] =>
  deleted ? [`  skipped: ${formatCount(count)} marked as deleted by ${deleted.name}`] : []

const usersPart = ({ users, tasks }: Mapping, scan: Scan): string[] => {
  if (!users)
    return [
      `Users: none in the source; each owner of a task becomes one (${formatCount(scan.users)})`,
      ...alignLines([['id', from(tasks.columns.owner, ', the subject of their tokens')]]),
    ]
  const { table, columns } = users
  return [
    `Users: ${tableName(table)}, ${countOf(scan.users, 'row')} to copy`,
    ...alignLines([
      ['id', from(columns.id, ', the subject of their tokens')],
      ['email', from(columns.email, columns.email ? '' : 'none: nobody can log in by email')],
      [
        'password_hash',
        from(columns.passwordHash, columns.passwordHash ? '' : 'none: logins by tokens only'),
      ],
      ['created_at', from(columns.createdAt, timeNote(columns.createdAt, 'the time of the import'))],
    ]),
    ...leftBehindLines(users.leftBehind),
    ...skippedLine(scan.deletedUsers, columns.deleted),
    ...(scan.takenOver > 0
      ? [`  in the target already, without tasks, and taken over: ${formatCount(scan.takenOver)}`]
      : []),
  ]
}

const statusLine = ({ completed, status }: Mapping['tasks']['columns']): string => {
  if (!status) return completed ? from(completed) : '-- no column for it: all are pending'
  return completed ? `${from(status)} and ${completed.name} (${completed.type})` : from(status)
}

const tasksPart = ({ tasks: { table, columns, leftBehind }, users }: Mapping, scan: Scan): string[] => [
  `Tasks: ${tableName(table)}, ${countOf(scan.tasks, 'row')} to copy`,
  ...alignLines([
    ['id', from(columns.id, columns.isIdKept ? ', kept' : ', numbered anew in the order of creation')],
    ['user_id', from(columns.owner, users ? `, a user by ${users.columns.key.name}` : '')],
    ['title', from(columns.title)],
    ['description', from(columns.description, columns.description ? '' : 'none')],
    ['status', statusLine(columns)],
    ['created_at', from(columns.createdAt, timeNote(columns.createdAt, 'the time of the import'))],
    ['updated_at', from(columns.updatedAt, timeNote(columns.updatedAt, 'that of creation'))],
  ]),
  ...leftBehindLines(leftBehind),
  ...skippedLine(scan.deletedTasks, columns.deleted ?? users?.columns.deleted),
]

const keysPart = (keys: Table, scan: Scan): string[] => [
  `Idempotency keys: ${tableName(keys)}, ${countOf(scan.keys, 'row')} to copy, as they are`,
  'Left behind: the counts of rate limits, which last for minutes',
]

/** Describes what an import would do, in lines. */
export const describePlan = (
  mapping: Mapping,
  scan: Scan,
  { source, target }: { source: string; target: string },
): string[] => {
  const changes = scan.changes.lines()
  return [
    `From: ${source}`,
    `To:   ${target}`,
    '',
    ...usersPart(mapping, scan),
    '',
    ...tasksPart(mapping, scan),
    ...(mapping.keys ? ['', ...keysPart(mapping.keys, scan)] : []),
    ...(changes.length > 0 ? ['', 'Not as it is there:', ...changes.map((line) => `  ${line}`)] : []),
    '',
  ]
}
