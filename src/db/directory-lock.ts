import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from '../system-error.ts'

/** How often a lock is looked for that somebody may have deleted. */
const LOOK_EVERY_MS = 250

/** Keeps other processes out of a directory. */
export interface DirectoryLock {
  /** Resolves when no other process can still be at work in the directory. */
  held: Promise<void>
  release(): void
}

const refusal = (dataDir: string, file: string, cause: unknown): StartError => {
  const code = cause instanceof SQLiteError ? cause.code : undefined
  if (code === 'SQLITE_BUSY')
    return new StartError(
      `${dataDir} is in use by another process. The embedded database is for one process: stop the other one, ` +
        'or set DATA_DIR to another directory or DATABASE_URL to a PostgreSQL server.',
      { cause },
    )
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new StartError(
    `DATA_DIR: ${file} cannot be locked: ${reason}. This user must be able to write it: mend its owner and mode, ` +
      'or set DATA_DIR to a directory of this user.',
    { cause },
  )
}

const lockFile = (file: string): Sqlite => {
  const lock = new Sqlite(file, { create: true })
  try {
    // A write: on a file that can only be read, BEGIN EXCLUSIVE by itself succeeds and excludes nobody.
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
 * Keeps a second process out of the directory: two writers lose data, and PGlite has no lock of its own. The
 * lock is SQLite's on a file, which the operating system drops with the process, however that ends.
 *
 * Who deletes the file lets a second process make and lock another one. The first looks for its file, and ends
 * with an uncaught error when it is gone; a second one that had to make the file waits until that has happened.
 *
 * @param isNew whether there is nothing in the directory yet that another process could be at work on
 * @throws {StartError} when another process has it, or the file cannot be locked
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
  const inode = statSync(file).ino
  const watch = setInterval(() => {
    if (statSync(file, { throwIfNoEntry: false })?.ino === inode) return
    throw new StartError(
      `${file} was deleted or replaced, so that another process can open the database: stopped, to lose no data.`,
    )
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
