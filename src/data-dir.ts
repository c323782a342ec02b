import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { dataDirError } from './system-error.ts'

/**
 * Creates `DATA_DIR` with mode 0700, or corrects the mode if it exists. The target of a symbolic link is not changed: it may
 * be a shared directory.
 *
 * @returns a warning if others can read the directory, because it has another owner or the file system has no modes
 * @throws {StartError} when it cannot be created
 */
export const makeDataDir = (dataDir: string): string | undefined => {
  // Resolved, because a trailing slash would follow the link.
  const path = resolve(dataDir)
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const entry = lstatSync(path)
    if (entry.isSymbolicLink() || (entry.mode & 0o777) === 0o700) return undefined
  } catch (error) {
    throw dataDirError(error, dataDir)
  }
  try {
    chmodSync(path, 0o700)
  } catch {
    // Reported below.
  }
  return lstatSync(path).mode & 0o077
    ? `others can look into DATA_DIR, whose mode cannot be set: ${dataDir}`
    : undefined
}
