import { readdirSync, readFileSync } from 'node:fs'

/** The processes whose parent is `pid`. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid)
}

/** Sends a signal to each; one that is gone already is no error. */
export function signalAll(pids: number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** Whether a process exists and is more than an unreaped remainder. */
export function isAlive(pid: number): boolean {
  const fields = statOf(pid)
  return fields !== null && fields[0] !== 'Z'
}

function parentOf(pid: number): number | null {
  const fields = statOf(pid)
  return fields ? Number(fields[1]) : null
}

/** The fields of /proc/PID/stat from the state on; the program's name before it may hold any character. */
function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}
