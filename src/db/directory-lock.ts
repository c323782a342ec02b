import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { accessSync, constants, existsSync, lstatSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { dataDirError, StartError, systemError, systemErrorCode } from '../system-error.ts'

/** How often to check that the lock file has not been deleted. */
const LOOK_EVERY_MS = 250

/** A lock on a directory. */
export interface DirectoryLock {
  /** Resolves when no other process can still be using the directory. */
  held: Promise<void>
  release(): void
}

const isOnReadOnlyFiles = (dataDir: string): boolean => {
  try {
    accessSync(dataDir, constants.W_OK)
    return false
  } catch (error) {
    return systemErrorCode(error) === 'EROFS'
  }
}

const refusal = (dataDir: string, file: string, cause: unknown): StartError => {
  const code = cause instanceof SQLiteError ? cause.code : undefined
  if (code === 'SQLITE_BUSY')
    return new StartError(
      `${dataDir} is in use by another process. The embedded database is for one process: stop the other one, ` +
        'or set DATA_DIR to another directory or DATABASE_URL to a PostgreSQL server.',
      { cause },
    )
  // SQLite's own words do not tell this from a missing permission.
  if (isOnReadOnlyFiles(dataDir)) return dataDirError(systemError('EROFS'), file)
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new StartError(
    `DATA_DIR: ${file} cannot be locked: ${reason}. This user must be able to write it: mend its owner and mode, ` +
      'or set DATA_DIR to a directory of this user.',
    { cause },
  )
}

const deletion = (file: string): StartError =>
  new StartError(
    `${file} was deleted or replaced, so that another process can open the database: stopped, to lose no data.`,
  )

/** The inode of a file, if there is one. */
const inodeOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.ino

const lockFile = (file: string): Sqlite => {
  // SQLite would follow it, and make or change a file somewhere else.
  if (lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) throw new Error('it is a link')
  const lock = new Sqlite(file, { create: true })
  try {
    // The last statement writes: on a read-only file, BEGIN EXCLUSIVE succeeds without taking a lock.
    lock.run(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version = 1',
    )
    return lock
  } catch (error) {
    lock.close()
    throw error
  }
}

/**
 * Locks the directory against other processes: two writers would lose data, and PGlite takes no lock. The lock is SQLite's
 * on a file, and the operating system releases it when the process ends, even if it is killed.
 *
 * If the file is deleted, a second process can create and lock a new one. So the first process checks its file and exits
 * with an uncaught error when it is gone. A process that has created the file waits for longer than that takes.
 *
 * @param isNew whether the directory has no database yet, so that no other process can be using it
 * @throws {StartError} when another process has the lock, or the file cannot be locked
 */
export const lockDirectory = (dataDir: string, { isNew }: { isNew: boolean }): DirectoryLock => {
  const file = join(dataDir, 'lock')
  const mayBeInUse = !isNew && !existsSync(file)
  let lock: Sqlite
  try {
    lock = lockFile(file)
  } catch (error) {
    throw refusal(dataDir, file, error)
  }
  const inode = inodeOf(file)
  if (inode === undefined) {
    lock.close()
    throw deletion(file)
  }
  const watch = setInterval(() => {
    if (inodeOf(file) !== inode) throw deletion(file)
  }, LOOK_EVERY_MS)
  watch.unref()
  return {
    held: mayBeInUse ? Bun.sleep(4 * LOOK_EVERY_MS) : Promise.resolve(),
    release() {
      clearInterval(watch)
      lock.close()
    },
  }
}
