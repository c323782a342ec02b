/** One request to a task, as a client saw it. Titles are never used twice, so that one tells who wrote it. */
export interface Operation {
  kind: 'read' | 'write' | 'change'
  /** `performance.now()` when it was sent, and when its answer was there; without an answer, never. */
  from: number
  to: number
  /** What a read showed, or the title that was to be stored. */
  title: string
  /** For a change with `If-Match`: the title of the version that it names. */
  expected?: string
  /** `refused`: 412. `unknown`: 503, or no answer; it may take effect later, or never. */
  outcome: 'ok' | 'refused' | 'unknown'
  updatedAt?: string
}

/**
 * Whether there is an order of the operations, each at one moment between its request and its answer, in which
 * each answer is what a single register would have given (Herlihy and Wing, 1990). Searched for as Wing and Gong
 * do, remembering which states were tried.
 *
 * @param first the title that the task was made with
 */
export const isLinearizable = (first: string, history: readonly Operation[]): boolean => {
  const seen = new Set<string>()
  for (const { kind, title, expected, outcome } of history) {
    if (kind === 'read') seen.add(title)
    if (outcome === 'ok' && expected !== undefined) seen.add(expected)
  }
  const isHidden = ({ outcome, title }: Operation) => outcome === 'unknown' && !seen.has(title)
  // What was never seen is only good for one thing: as the reason why a change was refused.
  const hidden = history.filter((operation) => operation.kind !== 'read' && isHidden(operation))
  const operations = history
    .filter(({ kind, outcome }) => kind !== 'read' || outcome === 'ok')
    .filter((operation) => !isHidden(operation))
    .sort((one, other) => one.from - other.from)

  const after = (state: string, { kind, title, expected, outcome, to }: Operation): string | undefined => {
    if (kind === 'read') return state === title ? state : undefined
    if (outcome === 'refused')
      return state !== expected || hidden.some(({ from }) => from < to) ? state : undefined
    return expected === undefined || expected === state ? title : undefined
  }

  const tried = new Set<string>()
  const done = new Array<boolean>(operations.length).fill(false)
  const search = (begin: number, state: string): boolean => {
    let start = begin
    while (done[start]) start += 1
    if (start === operations.length) return true
    // Whatever ended before all others began has to come before them.
    let firstEnd = Number.POSITIVE_INFINITY
    const open: number[] = []
    for (let index = start; index < operations.length; index += 1) {
      const operation = operations[index] as Operation
      if (operation.from > firstEnd) break
      if (done[index]) continue
      open.push(index)
      firstEnd = Math.min(firstEnd, operation.to)
    }
    const key = `${open.join()}|${state}`
    if (tried.has(key)) return false
    tried.add(key)
    for (const index of open) {
      const operation = operations[index] as Operation
      if (operation.from > firstEnd) continue
      const next = after(state, operation)
      if (next === undefined) continue
      done[index] = true
      if (search(start, next)) return true
      done[index] = false
    }
    return false
  }
  return search(0, first)
}

/** The operations whose `updated_at` is earlier than that of one which had ended before they began. */
export const findStepsBack = (history: readonly Operation[]): Operation[] =>
  history.filter(({ from, updatedAt }) =>
    history.some(
      (earlier) =>
        earlier.to < from &&
        earlier.updatedAt !== undefined &&
        updatedAt !== undefined &&
        updatedAt < earlier.updatedAt,
    ),
  )
