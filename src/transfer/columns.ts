import { type Column, type ColumnKind, type Table, tableName } from './tables.ts'
import { TransferError } from './transfer-error.ts'

/** The columns of a task table, by the field that they are read for. */
export interface TaskColumns {
  id: Column
  /** Whether ids are kept. Those that are not integers are replaced by new ones. */
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

/** The columns of a user table. */
export interface UserColumns {
  /** The column that the owner of a task refers to. */
  key: Column
  /** The column with the subject of the user's tokens. */
  id: Column
  email?: Column
  passwordHash?: Column
  createdAt?: Column
  deleted?: Column
  active?: Column
}

/** A name without case and underscores, so that `userId` equals `user_id`. */
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

const FIELDS = ['title', 'description', 'status', 'email', ...CREATED, ...UPDATED, ...COMPLETED, ...PASSWORD]

/** Whether a column has the name of a field of this service. If it is left behind, that has another reason. */
export const isFieldName = (name: string): boolean => FIELDS.includes(plain(name))

/** Whether a table has a column that can be the title. */
export const hasTitle = (table: Table): boolean => findColumn(table, ['title'], ['text']) !== undefined

/** The columns that may be the owner by their name. Those with a foreign key come first. */
export const ownerColumns = (tasks: Table): Column[] => {
  const byName = OWNER.flatMap((name) => tasks.columns.filter((column) => plain(column.name) === name))
  return [...byName.filter(({ references }) => references), ...byName.filter(({ references }) => !references)]
}

const chooseOwner = (tasks: Table, users: Table | undefined): Column | undefined => {
  const leadsToUsers = ({ references }: Column) =>
    users && references?.schema === users.schema && references.table === users.name
  const byName = ownerColumns(tasks)
  const byKey = tasks.columns.filter(leadsToUsers)
  return byName.find(leadsToUsers) ?? (byKey.length === 1 ? byKey[0] : undefined) ?? byName[0]
}

const missing = (table: Table, what: string[]): TransferError =>
  new TransferError([
    `Table ${tableName(table)} cannot be read as ${what[0]}: it has no ${what.slice(1).join(', and no ')}.`,
    `Its columns: ${table.columns.map(({ name, type }) => `${name} (${type})`).join(', ')}`,
  ])

const keyOf = (table: Table): Column | undefined =>
  table.columns.find(({ name }) => name === table.key) ?? table.columns.find(({ name }) => name === 'id')

/** Finds optional columns by name and kind. */
const findColumns = <T extends string>(
  table: Table,
  wanted: Record<T, [names: string[], kinds: ColumnKind[]]>,
): Partial<Record<T, Column>> => {
  const entries = Object.entries<[string[], ColumnKind[]]>(wanted)
  const found = entries.map(([part, [names, kinds]]) => [part, findColumn(table, names, kinds)] as const)
  return Object.fromEntries(found.filter(([, column]) => column)) as Partial<Record<T, Column>>
}

/** @throws {TransferError} when a column is missing that every task needs */
export const readTaskColumns = (table: Table, users: Table | undefined): TaskColumns => {
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

/** Whether an owner is named after a column of the users: `user_email` after `email`, `username` after `username`. */
const isNamedFor = (owner: Column, column: string): boolean => {
  const [whole, part] = [plain(owner.name), plain(owner.name).replace(/^(user|owner)/, '')]
  return whole !== part && [whole, part].includes(plain(column))
}

/**
 * @param userId the name of the column with the subject of tokens, if it was given
 * @throws {TransferError} when there is no such column
 */
export const readUserColumns = (table: Table, owner: Column, userId: string | undefined): UserColumns => {
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
  // Without a foreign key, an owner of another type than the primary key is compared with the subject of tokens.
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
