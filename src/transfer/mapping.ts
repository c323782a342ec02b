import {
  hasTitle,
  ownerColumns,
  readTaskColumns,
  readUserColumns,
  type TaskColumns,
  type UserColumns,
} from './columns.ts'
import { type Column, type Table, tableName } from './tables.ts'
import { TransferError } from './transfer-error.ts'

/** The options of the command line, for sources whose names are not clear. */
export interface MappingOptions {
  /** `[schema.]table` */
  tasks?: string | undefined
  users?: string | undefined
  /** The column of the users with the subject of their tokens. */
  userId?: string | undefined
}

/** The tables of a source, and what their columns are read for. */
export interface Mapping {
  tasks: { table: Table; columns: TaskColumns; leftBehind: Column[] }
  /** Without it, the owner of a task is the subject of tokens. */
  users?: { table: Table; columns: UserColumns; leftBehind: Column[] }
  /** The idempotency keys, if the source is a database of this service. */
  keys?: Table
}

/** @throws {TransferError} when the role may not read the table, so that rows would be lost unnoticed */
const readable = (table: Table): Table => {
  if (table.isReadable) return table
  throw new TransferError(
    `Table ${tableName(table)} of the source may not be read: grant select on it (and usage on schema ${table.schema}) to ` +
      'the user that the URL of the source names.',
  )
}

/** The readable tables. If there are none, all of them, so that the error names one. */
const preferReadable = (tables: Table[]): Table[] => {
  const found = tables.filter(({ isReadable }) => isReadable)
  return found.length > 0 ? found : tables
}

/** Finds the table that the command line names, with or without quotes. */
const named = (tables: Table[], text: string, option: string): Table => {
  const texts = [text, text.replaceAll('"', '')]
  const exact = tables.filter((table) => texts.includes(tableName(table)))
  const found = exact.length > 0 ? exact : tables.filter(({ name }) => texts.includes(name))
  const [table, other] = found
  if (!table) throw new TransferError(`--${option}: the source has no table ${text}`)
  if (other)
    throw new TransferError(
      `--${option}: there is more than one ${text}: ${found.map(tableName).join(', ')}. Say which, with its schema.`,
    )
  return table
}

const chooseTasks = (tables: Table[], { tasks }: MappingOptions): Table => {
  if (tasks !== undefined) return named(tables, tasks, 'tasks')
  const found = preferReadable(tables.filter(({ name }) => name === 'task' || name === 'tasks'))
  const [table, other] = found
  if (table && !other) return table
  if (other)
    throw new TransferError(
      `More than one table may have the tasks: ${found.map(tableName).join(', ')}. Say which: --tasks ${tableName(other)}`,
    )
  const alike = tables.filter(hasTitle).map(tableName)
  throw new TransferError([
    'The source has no task table: none that is called "task" or "tasks".',
    alike.length > 0
      ? `With a title there is: ${alike.join(', ')}. If that is it: --tasks ${alike[0]}`
      : 'If it is called otherwise, name it with --tasks [schema.]table.',
  ])
}

const chooseUsers = (tables: Table[], tasks: Table, { users }: MappingOptions): Table | undefined => {
  if (users !== undefined) return named(tables, users, 'users')
  const owner = ownerColumns(tasks)[0]?.references
  const referenced = tables.find(({ schema, name }) => schema === owner?.schema && name === owner.table)
  if (referenced) return referenced
  const all = preferReadable(tables.filter(({ name }) => name === 'user' || name === 'users'))
  const beside = all.filter(({ schema }) => schema === tasks.schema)
  const [table, other] = beside.length > 0 ? beside : all
  if (other)
    throw new TransferError(
      `More than one table may have the users: ${all.map(tableName).join(', ')}. Say which: --users ${tableName(other)}`,
    )
  return table
}

const rest = (table: Table, read: object): Column[] =>
  table.columns.filter((column) => !Object.values(read).includes(column))

const OWN_KEYS = ['user_id', 'key', 'fingerprint', 'task_id', 'created_at']

/** The table of idempotency keys, if it and the tasks are this service's. */
const findKeys = (tables: Table[], tasks: Table): Table | undefined =>
  tables.find(
    ({ schema, name, columns }) =>
      schema === tasks.schema &&
      tasks.name === 'tasks' &&
      name === 'idempotency_keys' &&
      OWN_KEYS.every((key) => columns.some((column) => column.name === key)) &&
      columns.some(({ name: column, type }) => column === 'fingerprint' && type === 'bytea'),
  )

/**
 * Decides which tables and columns of a source are read, and for what.
 *
 * @throws {TransferError} when that is not clear, or a column is missing that every task needs
 */
export const decideMapping = (tables: Table[], options: MappingOptions): Mapping => {
  const tasks = readable(chooseTasks(tables, options))
  const chosen = chooseUsers(tables, tasks, options)
  const users = chosen && readable(chosen)
  const columns = readTaskColumns(tasks, users)
  const keys = findKeys(tables, tasks)
  if (!users && options.userId !== undefined)
    throw new TransferError(
      '--user-id: the source has no table of users. Name it with --users [schema.]table.',
    )
  const userColumns = users && readUserColumns(users, columns.owner, options.userId)
  return {
    tasks: { table: tasks, columns, leftBehind: rest(tasks, columns) },
    ...(users &&
      userColumns && {
        // The column `active` is read, but its value is not kept.
        users: {
          table: users,
          columns: userColumns,
          leftBehind: rest(users, { ...userColumns, active: null }),
        },
      }),
    ...(keys && { keys }),
  }
}
