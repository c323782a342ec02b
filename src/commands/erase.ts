import type { Config } from '../config.ts'
import { describeRefusal, errorCode } from '../db/sqlstate.ts'
import { tablesIn } from '../db/tables.ts'
import { createLog } from '../log.ts'
import { openTarget } from '../transfer/connection.ts'
import { eraseUser } from '../transfer/erase.ts'
import { countOf, quoted } from '../transfer/tally.ts'
import { TransferError } from '../transfer/transfer-error.ts'

/**
 * `erase <user-id>`: deletes a user with all tasks and keys.
 *
 * @returns what was done, in lines
 * @throws {TransferError} when there is nobody of that id; {@link StartError} when a database cannot be used
 */
export const eraseAndTell = async (userId: string, config: Config): Promise<string[]> => {
  const log = createLog({ level: 'info', format: 'text', write: (chunk) => process.stderr.write(chunk) })
  const target = await openTarget(config, log)
  try {
    const erased = await eraseUser(target.sql, tablesIn(config.databaseSchema), userId)
    if (!erased) throw new TransferError(`There is no user ${quoted(userId)}. Nothing was erased.`)
    return [
      `Erased: user ${quoted(userId)}, ${countOf(erased.tasks, 'task')}, ${countOf(erased.keys, 'idempotency key')}.`,
      'A token of this user that has not expired is still valid: the next task written with it would make the user anew.',
    ]
  } catch (error) {
    if (error instanceof TransferError || errorCode(error) === '') throw error
    throw new TransferError(`Nothing was erased: ${describeRefusal(error)}`, { cause: error })
  } finally {
    await target.close()
    log.flush()
  }
}
