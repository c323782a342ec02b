import fs from 'node:fs'
import { open, readdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'

type Options = Parameters<NodeFS['init']>[1]

/** The part of Emscripten's file system that is used here. */
interface NodeFiles {
  stream_ops: { fsync?: (stream: { nfd: number }) => number }
}

/**
 * The files of the embedded database, with a working `fsync`. That of Emscripten (PGlite 0.5.17) does nothing, so a power
 * failure would lose acknowledged writes.
 */
export class DurableFiles extends NodeFS {
  override async init(database: PGlite, options: Options) {
    const { emscriptenOpts } = await super.init(database, options)
    const makeDurable = (module: object) => {
      const { stream_ops: operations } = (module as { NODEFS: NodeFiles }).NODEFS
      operations.fsync = ({ nfd }) => {
        fs.fsyncSync(nfd)
        return 0
      }
    }
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), makeDurable] } }
  }
}

/** Emscripten's errno values for disk errors. Its errors have no code and no message. */
const ERRNO_CODES: Record<number, string> = {
  2: 'EACCES',
  19: 'EDQUOT',
  29: 'EIO',
  33: 'EMFILE',
  51: 'ENOSPC',
  63: 'EPERM',
  69: 'EROFS',
}

/** The code of a system error for an errno of the engine, or `undefined` if it is no disk error. */
export const codeOfEngine = (errno: number | undefined): string | undefined => ERRNO_CODES[errno ?? -1]

const syncOne = async (path: string): Promise<void> => {
  const file = await open(path)
  await file.sync().finally(() => file.close())
}

/** Syncs a directory and everything in it, all files at once, which is much faster than one by one. */
const syncTree = async (directory: string): Promise<void> => {
  const entries = await readdir(directory, { withFileTypes: true })
  await Promise.all(
    entries.map((entry) => (entry.isFile() ? syncOne : syncTree)(join(directory, entry.name))),
  )
  await syncOne(directory)
}

/** Syncs a new database in `draft`, then renames it to its final name. */
export const putInPlace = async (draft: string, directory: string): Promise<void> => {
  await syncTree(draft)
  await rename(draft, directory)
  await syncOne(dirname(directory))
}
