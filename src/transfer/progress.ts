import { formatCount } from './tally.ts'

/** Tells how far something is. */
export interface Progress {
  advance(rows: number): void
  end(): void
}

export interface ProgressOptions {
  /** For people: `copied`. */
  done: string
  /** How many rows there are, when that is known. */
  total?: number
  isTerminal: boolean
  write: (text: string) => unknown
  /** Milliseconds. */
  now?: () => number
}

const TERMINAL_EVERY_MS = 100
const LOG_EVERY_MS = 5000

/** On a terminal one line that changes; elsewhere a line every few seconds, and none for what is done before. */
export const createProgress = ({
  done,
  total,
  isTerminal,
  write,
  now = () => performance.now(),
}: ProgressOptions): Progress => {
  const everyMs = isTerminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS
  let rows = 0
  let toldAt = now()
  let isShown = false
  const tell = () => {
    const line = `${done} ${formatCount(rows)}${total === undefined ? '' : ` of ${formatCount(total)}`} tasks`
    write(isTerminal ? `\r\u001b[K${line}` : `${line}\n`)
    isShown = true
    toldAt = now()
  }
  return {
    advance(more) {
      rows += more
      if (now() - toldAt >= everyMs) tell()
    },
    end() {
      if (isTerminal && isShown) write('\r\u001b[K')
    },
  }
}
