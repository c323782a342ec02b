/** What a client can tell apart in a task. */
export interface TaskState {
  title: string
  description: string | null
  status: 'pending' | 'in_progress' | 'completed'
}

/** A task as an answer has it. */
export interface TaskAnswer extends TaskState {
  id: number
  completed: boolean
  created_at: string
  updated_at: string
}

/** A write to a task that exists. */
export type Change =
  | { kind: 'edit'; fields: Partial<TaskState> }
  | { kind: 'complete'; completed: boolean }
  | { kind: 'toggle' }
  | { kind: 'delete' }

interface Entry {
  state: TaskState
  /** The last write got no answer, and the task has not been read since. */
  isUncertain: boolean
  /** Writes without an answer that nothing since has shown to be stored: they may still come true, late. */
  unanswered: Change[]
}

/**
 * What one user of the service knows: every acknowledged write, and every one whose outcome is open. Each
 * observation is held against it. The user sends one request at a time, so all but the open ones is certain.
 */
export class Ledger {
  /** Acknowledged and then missing, changed, doubled or back from the dead; one line each. */
  readonly wrong: string[] = []
  /** Writes without an answer that became visible only after the task had been read without them. */
  late = 0
  readonly #tasks = new Map<number, Entry>()
  readonly #deleted = new Set<number>()
  /** Creations without an answer, by title: each may exist, once. */
  readonly #open = new Map<string, TaskState>()

  /** The tasks that certainly exist, as they certainly are. */
  get certain(): number[] {
    return [...this.#tasks].filter(([, entry]) => !entry.isUncertain).map(([id]) => id)
  }

  /** A task whose last write got no answer: it has to be read before anything else is done to it. */
  get uncertain(): number | undefined {
    return [...this.#tasks].find(([, entry]) => entry.isUncertain)?.[0]
  }

  acknowledgeCreation(expected: TaskState, answer: TaskAnswer): void {
    if (this.#tasks.has(answer.id) || this.#deleted.has(answer.id))
      this.wrong.push(`a new task got the id ${answer.id} of another`)
    this.#expectEqual(`created ${answer.id}`, expected, answer)
    this.#open.delete(expected.title)
    this.#tasks.set(answer.id, { state: stateOf(answer), isUncertain: false, unanswered: [] })
  }

  leaveCreationOpen(state: TaskState): void {
    this.#open.set(state.title, state)
  }

  acknowledgeChange(id: number, change: Change, answer: TaskAnswer | null): void {
    const entry = this.#tasks.get(id)
    if (!entry) throw new Error(`Task ${id} is not in the ledger`)
    const after = apply(change, entry.state)
    if (after && answer) this.#expectEqual(`${change.kind} of ${id}`, after, answer)
    if (after) entry.state = answer ? stateOf(answer) : after
    else this.#forget(id)
    // An older write without an answer that came true now would undo this one: no excuse any more.
    entry.unanswered = entry.unanswered.filter((older) => !overlap(older, change))
  }

  leaveChangeOpen(id: number, change: Change): void {
    const entry = this.#tasks.get(id)
    if (!entry) return
    entry.isUncertain = true
    entry.unanswered.push(change)
  }

  /** What a read of one task showed; null for a 404. */
  observe(id: number, answer: TaskAnswer | null): void {
    const entry = this.#tasks.get(id)
    if (entry) this.#compare(id, entry, answer)
    else if (answer) this.#meet(answer)
  }

  /** What a list of all the user's tasks showed. */
  observeAll(answers: TaskAnswer[]): void {
    const titles = new Set(answers.map((answer) => answer.title))
    if (titles.size < answers.length)
      this.wrong.push(`listed twice: ${duplicates(answers.map((answer) => answer.title)).join(', ')}`)
    const listed = new Map(answers.map((answer) => [answer.id, answer]))
    for (const id of new Set([...this.#tasks.keys(), ...listed.keys()]))
      this.observe(id, listed.get(id) ?? null)
  }

  #compare(id: number, entry: Entry, answer: TaskAnswer | null): void {
    const seen = answer && stateOf(answer)
    if (seen && isEqual(seen, entry.state)) {
      entry.isUncertain = false
      return
    }
    const cause = entry.unanswered.findIndex((change) => isEqual(apply(change, entry.state), seen))
    if (cause < 0) this.wrong.push(`task ${id} should be ${show(entry.state)} and is ${show(seen)}`)
    else if (!entry.isUncertain) this.late += 1
    if (cause >= 0) entry.unanswered.splice(cause, 1)
    entry.isUncertain = false
    if (seen) entry.state = seen
    else this.#forget(id)
  }

  #meet(answer: TaskAnswer): void {
    const opened = this.#open.get(answer.title)
    if (this.#deleted.has(answer.id)) this.wrong.push(`task ${answer.id} was deleted and is back`)
    else if (!opened) this.wrong.push(`task ${answer.id} was made by nobody: ${show(answer)}`)
    else this.acknowledgeCreation(opened, answer)
  }

  #forget(id: number): void {
    this.#tasks.delete(id)
    this.#deleted.add(id)
  }

  #expectEqual(what: string, expected: TaskState, answer: TaskAnswer): void {
    if (!isEqual(expected, stateOf(answer)))
      this.wrong.push(`${what} should be ${show(expected)} and is ${show(stateOf(answer))}`)
    if (answer.completed !== (answer.status === 'completed'))
      this.wrong.push(`${what}: completed disagrees with status`)
  }
}

/** The task after a change; null when it is gone. The contract's rules, written a second time on purpose. */
export function apply(change: Change, state: TaskState): TaskState | null {
  switch (change.kind) {
    case 'edit':
      return { ...state, ...change.fields }
    case 'delete':
      return null
    case 'toggle':
      return { ...state, status: state.status === 'completed' ? 'pending' : 'completed' }
    case 'complete':
      if (change.completed) return { ...state, status: 'completed' }
      return { ...state, status: state.status === 'completed' ? 'pending' : state.status }
  }
}

function overlap(one: Change, other: Change): boolean {
  if (one.kind === 'delete' || other.kind === 'delete') return true
  return fieldsOf(one).some((field) => fieldsOf(other).includes(field))
}

function fieldsOf(change: Change): string[] {
  return change.kind === 'edit' ? Object.keys(change.fields) : ['status']
}

function stateOf({ title, description, status }: TaskState): TaskState {
  return { title, description, status }
}

function isEqual(one: TaskState | null, other: TaskState | null): boolean {
  return show(one) === show(other)
}

function show(state: TaskState | null): string {
  return state ? JSON.stringify(stateOf(state)) : 'gone'
}

function duplicates(values: string[]): string[] {
  return values.filter((value, index) => values.indexOf(value) !== index)
}
