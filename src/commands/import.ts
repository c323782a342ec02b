import type { Config } from '../config.ts'
import type { ClientSql } from '../db/client.ts'
import { DISK_FULL, describeRefusal, errorCode } from '../db/sqlstate.ts'
import { type Tables, tablesIn } from '../db/tables.ts'
import { createLog, printable } from '../log.ts'
import { dataDirError, StartError, systemError } from '../system-error.ts'
import {
  areSameDatabase,
  type End,
  openSource,
  openTarget,
  prepareTransaction,
} from '../transfer/connection.ts'
import { checkIdentity, copyAll } from '../transfer/copy.ts'
import { decideMapping, type Mapping, type MappingOptions } from '../transfer/mapping.ts'
import { describePlan } from '../transfer/plan.ts'
import { createProgress, type Progress } from '../transfer/progress.ts'
import { createReader } from '../transfer/reading.ts'
import type { ReadingRules } from '../transfer/rows.ts'
import { scanSource } from '../transfer/scan.ts'
import { readTables, type Table } from '../transfer/tables.ts'
import { countOf } from '../transfer/tally.ts'
import { TransferError } from '../transfer/transfer-error.ts'

export interface ImportOptions extends MappingOptions {
  /** A directory of the embedded database, or a PostgreSQL URL. */
  source: string
  /** Stores it; without, only the plan is printed. */
  isApplied: boolean
}

const print = (...lines: string[]) => process.stdout.write(`${lines.map(printable).join('\n')}\n`)

const progressOf = (done: string, total?: number): Progress =>
  createProgress({
    done,
    ...(total !== undefined && { total }),
    isTerminal: process.stderr.isTTY,
    write: (text) => process.stderr.write(text),
  })

/** The tables of a source that may be read, but for the target's own. */
const readForeignTables = async (source: ClientSql, target: ClientSql, tables: Tables): Promise<Table[]> => {
  const all = await readTables(source)
  if (!(await areSameDatabase(source, target))) return all
  const own = ['users', 'tasks', 'idempotency_keys', 'rate_limits', 'todo_backend_migrations']
  const foreign = all.filter(({ schema, name }) => schema !== tables.schema || !own.includes(name))
  if (foreign.length === 0)
    throw new TransferError(
      `The source is the target: this database has no tables but those in schema ${tables.schema} that it would copy to.`,
    )
  return foreign
}

const rulesFor = async (source: ClientSql, { tasks: { columns } }: Mapping): Promise<ReadingRules> => {
  const [{ encoding }] = await source<[{ encoding: string }]>`
    select current_setting('server_encoding') as encoding`
  const isEncodingUnknown = encoding === 'SQL_ASCII'
  // Else the server would stop at the first text that is not UTF-8, and not say where.
  if (isEncodingUnknown) await source`select set_config('client_encoding', 'SQL_ASCII', true)`
  return {
    isIdKept: columns.isIdKept,
    hasCompleted: columns.completed !== undefined,
    hasStatus: columns.status !== undefined,
    isEncodingUnknown,
  }
}

/** How far it is, for what to say when it is interrupted. */
let isCommitting = false

const run = async (source: End, target: End, config: Config, options: ImportOptions): Promise<number> => {
  const tables = tablesIn(config.databaseSchema)
  await checkIdentity(target.sql, tables)
  await source.sql`begin isolation level repeatable read, read only`
  await prepareTransaction(source.sql)
  const mapping = decideMapping(await readForeignTables(source.sql, target.sql, tables), options)
  const reader = createReader(source.sql, mapping)
  const common = { reader, rules: await rulesFor(source.sql, mapping), target: target.sql, tables }

  const scan = await scanSource({ ...common, progress: progressOf('looked at') })
  const to = `${target.description}, schema ${tables.schema}`
  print(...describePlan(mapping, scan, { source: source.description, target: to }))
  if (scan.problems.count() > 0)
    throw new TransferError([
      'Nothing was done, because this cannot be copied:',
      ...scan.problems.lines().map((line) => `  ${line}`),
    ])
  if (!options.isApplied) {
    print('Nothing was changed. To copy it, run the same command with --apply.')
    return 0
  }
  const copied = await copyAll({
    ...common,
    progress: progressOf('copied', scan.tasks),
    onCommit() {
      isCommitting = true
    },
  })
  isCommitting = false
  print(
    `Stored: ${countOf(copied.users, 'user')}, ${countOf(copied.tasks, 'task')}, ${countOf(copied.keys, 'idempotency key')}. ` +
      `The next task gets the id ${copied.nextId}.`,
  )
  return 0
}

const outcome = (): string =>
  isCommitting
    ? 'Whether everything was stored is not known: run it again, it is refused if it was.'
    : 'Nothing was stored.'

const lossOf = async (which: string, { closed }: End): Promise<never> => {
  await closed
  throw new TransferError(`The connection to the ${which} was lost. ${outcome()}`)
}

/** Says so when the process is ended in the middle; the databases undo what was not committed. */
const sayWhenInterrupted = (): void => {
  process.prependListener('uncaughtException', (error) => {
    if (!(error instanceof StartError)) return
    process.stderr.write(`${error.message} ${outcome()}\n`)
    process.exit(1)
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      process.stderr.write(`\n${signal}: ${outcome()}\n`)
      process.exit(1)
    })
}

/**
 * `import <source>`: shows what would be copied, and with `isApplied` copies it.
 *
 * @returns the exit code
 * @throws {TransferError} {@link StartError} when a database cannot be used
 */
export const importTasks = async (config: Config, options: ImportOptions): Promise<number> => {
  const log = createLog({ level: 'info', format: 'text', write: (chunk) => process.stderr.write(chunk) })
  for (const warning of config.warnings) log.warn(warning)
  const source = await openSource(options.source, config, log)
  try {
    const target = await openTarget(config, log)
    sayWhenInterrupted()
    try {
      const losses = [lossOf('source', source), lossOf('target', target)]
      for (const loss of losses) loss.catch(() => {})
      return await Promise.race([run(source, target, config, options), ...losses])
    } catch (error) {
      if (error instanceof TransferError || errorCode(error) === '') throw error
      const isFull = errorCode(error) === DISK_FULL && config.database === undefined
      const reason = isFull
        ? dataDirError(systemError('ENOSPC'), config.dataDir).message
        : `${describeRefusal(error)}.`
      throw new TransferError(`${reason} ${outcome()}`, { cause: error })
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
    log.flush()
  }
}
