import postgres from 'postgres'
import { isTransient } from './sqlstate.ts'

/**
 * True for what postgres.js 3.4.9 lets escape when a backend ends at the wrong moment: a write to a socket that
 * is gone, from a timer (postgres#1208, #1066), and rejections that belong to no query of ours. The queries
 * concerned are rejected or run into their deadline, so there is nothing else to do about it.
 *
 * Everything else that nobody caught is a defect, and must end the process.
 */
export const isDriverDefect = (error: unknown): boolean => {
  // In the executable the variable has another name.
  if (error instanceof TypeError)
    return /^null is not an object \(evaluating '\w+\.write\b/.test(error.message)
  const isDrivers = error instanceof postgres.PostgresError || (error instanceof Error && 'query' in error)
  return isDrivers && isTransient(error)
}
