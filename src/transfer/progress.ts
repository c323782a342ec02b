import { formatCount } from './tally.ts'

/** Shows the progress of a transfer. */
export interface Progress {
  advance(rows: number): void
  end(): void
}

export interface ProgressOptions {
  /** The word for what is done: `copied`. */
  done: string
  /** The number of rows, if it is known. */
  total?: number
  isTerminal: boolean
  write: (text: string) => unknown
  /** Milliseconds. */
  now?: () => number
}

const TERMINAL_EVERY_MS = 100
const LOG_EVERY_MS = 5000

/** On a terminal, progress is one line that is rewritten. Elsewhere, a line is written every 5 s. */
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
