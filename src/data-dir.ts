import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { dataDirError } from './system-error.ts'

/**
 * Makes `DATA_DIR` as needed, with mode 0700, and mends the mode of one that is there. What a link points to is
 * left as it is: it may be somebody's shared directory.
 *
 * @returns a warning when others can look into the directory, because it has another owner, or the file system
 *   keeps no modes
 * @throws {StartError} when it cannot be made
 */
export const makeDataDir = (dataDir: string): string | undefined => {
  // Resolved: with a slash at the end the link would be followed.
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
    // Told below.
  }
  return lstatSync(path).mode & 0o077
    ? `others can look into DATA_DIR, whose mode cannot be set: ${dataDir}`
    : undefined
}
