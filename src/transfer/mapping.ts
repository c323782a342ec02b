import { type Column, type ColumnKind, type Table, tableName } from './tables.ts'
import { TransferError } from './transfer-error.ts'

/** What the command line says where the names of a source do not speak for themselves. */
export interface MappingOptions {
  /** `[schema.]table` */
  tasks?: string | undefined
  users?: string | undefined
  /** Which column of the users is the subject of their tokens. */
  userId?: string | undefined
}

/** Which column of the source is read for what. */
export interface TaskColumns {
  id: Column
  /** Integers are kept, others numbered anew. */
  isIdKept: boolean
  owner: Column
  title: Column
  description?: Column
  completed?: Column
  status?: Column
  createdAt?: Column
  updatedAt?: Column
  deleted?: Column
}

export interface UserColumns {
  /** What the owner of a task refers to. */
  key: Column
  /** The subject of the user's tokens. */
  id: Column
  email?: Column
  passwordHash?: Column
  createdAt?: Column
  deleted?: Column
  active?: Column
}

export interface Mapping {
  tasks: { table: Table; columns: TaskColumns; leftBehind: Column[] }
  /** Without: the owners of the tasks are the subjects of tokens themselves. */
  users?: { table: Table; columns: UserColumns; leftBehind: Column[] }
  /** The idempotency keys, where the source is of this service. */
  keys?: Table
}

/** Names are compared without case and underscores: `userId` is `user_id`. */
const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '')

const findColumn = (table: Table, names: string[], kinds: ColumnKind[]): Column | undefined =>
  names
    .map((name) => table.columns.find((column) => plain(column.name) === name && kinds.includes(column.kind)))
    .find((column) => column !== undefined)

const CREATED = ['createdat', 'created', 'createdon', 'datecreated', 'insertedat', 'datejoined']
const UPDATED = ['updatedat', 'updated', 'updatedon', 'dateupdated', 'modifiedat', 'modified', 'lastmodified']
const DELETED = ['deletedat', 'deleted', 'isdeleted', 'deletedon']
const OWNER = [
  'userid',
  'ownerid',
  'owner',
  'user',
  'authorid',
  'author',
  'creatorid',
  'creator',
  'createdby',
  'accountid',
  'username',
  'useremail',
  'owneremail',
]
const COMPLETED = ['completed', 'iscompleted', 'complete', 'iscomplete', 'done', 'isdone']
const PASSWORD = ['passwordhash', 'hashedpassword', 'password', 'encryptedpassword']

/** @throws {TransferError} when this user may not read the table: without it something would be lost, unnoticed */
const readable = (table: Table): Table => {
  if (table.isReadable) return table
  throw new TransferError(
    `Table ${tableName(table)} of the source may not be read: grant select on it (and usage on schema ${table.schema}) to ` +
      'the user that the URL of the source names.',
  )
}

/** Those that may be read; where there are none, the others, so that one of them is asked for. */
const preferReadable = (tables: Table[]): Table[] => {
  const found = tables.filter(({ isReadable }) => isReadable)
  return found.length > 0 ? found : tables
}

const FIELDS = ['title', 'description', 'status', 'email', ...CREATED, ...UPDATED, ...COMPLETED, ...PASSWORD]

/** Whether a column is called like a field that there is here: it is left behind for another reason. */
export const isFieldName = (name: string): boolean => FIELDS.includes(plain(name))

/** The table of a name that the command line gave, in quotes or without. */
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
  const alike = tables.filter((one) => findColumn(one, ['title'], ['text'])).map(tableName)
  throw new TransferError(
    [
      'The source has no task table: none that is called "task" or "tasks".',
      alike.length > 0
        ? `With a title there is: ${alike.join(', ')}. If that is it: --tasks ${alike[0]}`
        : 'If it is called otherwise, name it with --tasks [schema.]table.',
    ].join('\n'),
  )
}

/** The columns that may be the owner: by name, and by a foreign key. */
const ownerColumns = (tasks: Table): Column[] => {
  const byName = OWNER.flatMap((name) => tasks.columns.filter((column) => plain(column.name) === name))
  return [...byName.filter(({ references }) => references), ...byName.filter(({ references }) => !references)]
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

const chooseOwner = (tasks: Table, users: Table | undefined): Column | undefined => {
  const leadsToUsers = ({ references }: Column) =>
    users && references?.schema === users.schema && references.table === users.name
  const byName = ownerColumns(tasks)
  const byKey = tasks.columns.filter(leadsToUsers)
  return byName.find(leadsToUsers) ?? (byKey.length === 1 ? byKey[0] : undefined) ?? byName[0]
}

const missing = (table: Table, what: string[]): TransferError =>
  new TransferError(
    [
      `Table ${tableName(table)} cannot be read as ${what[0]}: it has no ${what.slice(1).join(', and no ')}.`,
      `Its columns: ${table.columns.map(({ name, type }) => `${name} (${type})`).join(', ')}`,
    ].join('\n'),
  )

const rest = (table: Table, read: object): Column[] =>
  table.columns.filter((column) => !Object.values(read).includes(column))

const keyOf = (table: Table): Column | undefined =>
  table.columns.find(({ name }) => name === table.key) ?? table.columns.find(({ name }) => name === 'id')

/** Optional columns by name and kind; those that are not there are left out. */
const findColumns = <T extends string>(
  table: Table,
  wanted: Record<T, [names: string[], kinds: ColumnKind[]]>,
): Partial<Record<T, Column>> => {
  const entries = Object.entries<[string[], ColumnKind[]]>(wanted)
  const found = entries.map(([part, [names, kinds]]) => [part, findColumn(table, names, kinds)] as const)
  return Object.fromEntries(found.filter(([, column]) => column)) as Partial<Record<T, Column>>
}

const readTaskColumns = (table: Table, users: Table | undefined): TaskColumns => {
  const id = keyOf(table)
  const title = findColumn(table, ['title'], ['text'])
  const owner = chooseOwner(table, users)
  if (!id || !title || !owner)
    throw missing(table, [
      'tasks',
      ...(id ? [] : ['id']),
      ...(title ? [] : ['title in text']),
      ...(owner ? [] : ['owner (such as user_id)']),
    ])
  const optional = findColumns(table, {
    description: [['description'], ['text']],
    completed: [COMPLETED, ['boolean', 'integer', 'text']],
    status: [['status'], ['text', 'boolean']],
    createdAt: [CREATED, ['time', 'text']],
    updatedAt: [UPDATED, ['time', 'text']],
    deleted: [DELETED, ['time', 'boolean', 'integer']],
  })
  const unread = table.columns.find(({ name }) => plain(name) === 'status')
  if (unread && !optional.status && !optional.completed)
    throw new TransferError(
      `Column status of ${tableName(table)} is of type ${unread.type}: what its values mean is not known.`,
    )
  return { id, isIdKept: id.kind === 'integer', owner, title, ...optional }
}

/** `user_email` is the `email` of a user, `username` the `username`, `user_id` the `user_id` or `id`. */
const isNamedFor = (owner: Column, column: string): boolean => {
  const [whole, part] = [plain(owner.name), plain(owner.name).replace(/^(user|owner)/, '')]
  return whole !== part && [whole, part].includes(plain(column))
}

const readUserColumns = (table: Table, owner: Column, { userId }: MappingOptions): UserColumns => {
  const { references } = owner
  const isReferenced = references?.schema === table.schema && references.table === table.name
  const referenced = table.columns.find(({ name }) => isReferenced && name === references.column)
  const primary = keyOf(table)
  const id =
    userId === undefined
      ? (findColumn(table, ['id'], ['text', 'integer', 'other']) ?? primary)
      : table.columns.find(({ name }) => name === userId)
  if (!id && userId !== undefined)
    throw new TransferError(`--user-id: ${tableName(table)} has no column ${userId}`)
  if (!id)
    throw missing(table, ['users', 'id; name the column that is the subject of their tokens with --user-id'])
  // Without a foreign key, an owner that cannot be the number of a user may be what tokens say.
  const sameName = table.columns.find(({ name, kind }) => kind === owner.kind && isNamedFor(owner, name))
  const isNumbered = primary?.kind === 'integer' && owner.kind !== 'integer' && id.kind !== 'integer'
  const key = referenced ?? sameName ?? (isNumbered ? id : (primary ?? id))
  return {
    key,
    id,
    ...findColumns(table, {
      email: [['email', 'emailaddress', 'mail'], ['text']],
      passwordHash: [PASSWORD, ['text']],
      createdAt: [CREATED, ['time', 'text']],
      deleted: [DELETED, ['time', 'boolean', 'integer']],
      active: [['isactive', 'active'], ['boolean']],
    }),
  }
}

const OWN_KEYS = ['user_id', 'key', 'fingerprint', 'task_id', 'created_at']

/** The idempotency keys beside the tasks, when both are of this service. */
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
 * Decides which tables and columns of a source are read for what. A source of this service is the one in which
 * everything has its place.
 *
 * @throws {TransferError} when that is not clear, or something is missing that no task can be without
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
  const userColumns = users && readUserColumns(users, columns.owner, options)
  return {
    tasks: { table: tasks, columns, leftBehind: rest(tasks, columns) },
    ...(users &&
      userColumns && {
        // Whether a user is active is only looked at.
        users: {
          table: users,
          columns: userColumns,
          leftBehind: rest(users, { ...userColumns, active: null }),
        },
      }),
    ...(keys && { keys }),
  }
}
