import { Cut, type HttpAnswer, HttpConnection, type HttpRequest } from '../support/http-connection.ts'
import { type Change, Ledger, type TaskAnswer, type TaskState } from './ledger.ts'
import type { Measurements, Outcome } from './measurements.ts'

export interface ClientOptions {
  url: string
  userId: string
  token: string
  measurements: Measurements
  /** Behind a balancer: its own 502 and 504 mean a connection that was cut, not an answer of the service. */
  isBehindBalancer: boolean
}

interface KeyedCreation {
  key: string
  state: TaskState
  /** The first answer, which every later one must repeat. */
  answer: TaskAnswer | null
}

/** The most a client waits: far beyond every deadline of the service, so that running into it is a finding. */
const patienceMs = 15_000

const wantedTasks = 15

/**
 * One user with one connection: a random mix of all that a front end does, one request at a time. After a
 * write without an answer it does what the contract tells clients to do: repeats a keyed creation with its key,
 * and reads the task after every other.
 */
export class Client {
  readonly ledger = new Ledger()
  readonly #options: ClientOptions
  readonly #connection: HttpConnection
  readonly #keyed: KeyedCreation[] = []
  #serial = 0

  constructor(options: ClientOptions) {
    this.#options = options
    this.#connection = new HttpConnection(options.url)
  }

  /** Sends one request. */
  step(): Promise<unknown> {
    const { uncertain, certain } = this.ledger
    const unanswered = this.#keyed.find((creation) => !creation.answer)
    if (unanswered) return this.#createKeyed(unanswered)
    if (uncertain !== undefined) return this.#read(uncertain)
    const id = pick(certain)
    if (id === undefined) return this.#create()
    return this.#act(id, certain.length)
  }

  /** Resolves what is open and compares all that is stored with the ledger; gives up after the time. */
  async settle(withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs
    const isOpen = () => this.ledger.uncertain !== undefined || this.#keyed.some(({ answer }) => !answer)
    while (isOpen() && performance.now() < deadline) {
      await this.step()
      if (isOpen()) await Bun.sleep(50)
    }
    while (!(await this.#list())) {
      if (performance.now() > deadline) return false
      await Bun.sleep(50)
    }
    return !isOpen()
  }

  close(): void {
    this.#connection.close()
  }

  #act(id: number, tasks: number): Promise<unknown> {
    const dice = Math.random()
    const bias = tasks > wantedTasks ? 0.1 : 0
    if (dice < 0.16 - bias) return this.#createKeyed(this.#newKeyed())
    if (dice < 0.32 - bias) return this.#create()
    if (dice < 0.42) return this.#change(id, { kind: 'delete' })
    if (dice < 0.52) return this.#change(id, { kind: 'complete', completed: Math.random() < 0.5 })
    if (dice < 0.57) return this.#change(id, { kind: 'toggle' })
    if (dice < 0.66) return this.#change(id, { kind: 'edit', fields: { title: this.#title('edited') } })
    if (dice < 0.7) return this.#replay()
    if (dice < 0.85) return this.#list()
    return this.#read(id)
  }

  async #create(): Promise<void> {
    const state = this.#newState()
    const answer = await this.#send({ method: 'POST', path: '/api/tasks', body: bodyOf(state) }, [201])
    if (answer) this.ledger.acknowledgeCreation(state, taskOf(answer))
    else this.ledger.leaveCreationOpen(state)
  }

  async #createKeyed(creation: KeyedCreation): Promise<void> {
    const answer = await this.#post(creation)
    if (!answer) return this.ledger.leaveCreationOpen(creation.state)
    creation.answer = answer
    this.ledger.acknowledgeCreation(creation.state, answer)
  }

  async #replay(): Promise<void> {
    const creation = pick(this.#keyed)
    const answer = creation && (await this.#post(creation))
    if (answer && !Bun.deepEquals(answer, creation.answer))
      this.ledger.wrong.push(`key ${creation.key} answered ${JSON.stringify(answer)} the second time`)
  }

  async #post({ key, state }: KeyedCreation): Promise<TaskAnswer | null> {
    const request = {
      method: 'POST',
      path: '/api/tasks',
      headers: { 'Idempotency-Key': key },
      body: bodyOf(state),
    }
    const answer = await this.#send(request, [201])
    return answer && taskOf(answer)
  }

  async #read(id: number): Promise<void> {
    const expected = this.ledger.uncertain === id ? [200, 404] : [200]
    const answer = await this.#send({ method: 'GET', path: `/api/tasks/${id}` }, expected, [404])
    if (answer) this.ledger.observe(id, answer.status === 404 ? null : taskOf(answer))
  }

  async #list(): Promise<boolean> {
    const answer = await this.#send({ method: 'GET', path: '/api/tasks' }, [200])
    if (answer) this.ledger.observeAll(JSON.parse(answer.text))
    return answer !== null
  }

  async #change(id: number, change: Change): Promise<void> {
    const answer = await this.#send(requestOf(id, change), [change.kind === 'delete' ? 204 : 200], [404])
    if (!answer) this.ledger.leaveChangeOpen(id, change)
    else if (answer.status === 404) this.ledger.observe(id, null)
    else this.ledger.acknowledgeChange(id, change, answer.status === 204 ? null : taskOf(answer))
  }

  /**
   * Sends, measures and judges a request; null when its outcome is open.
   *
   * @param expected the statuses that are a success
   * @param telling statuses that are none, but tell what is stored
   */
  async #send(request: HttpRequest, expected: number[], telling: number[] = []): Promise<HttpAnswer | null> {
    const { token, measurements } = this.#options
    const isWrite = request.method !== 'GET'
    const startedAt = performance.now()
    const add = (outcome: Outcome, surprise?: string) => {
      const line = surprise && `${request.method} ${request.path.replace(/\d+/, '{id}')}: ${surprise}`
      measurements.add({ startedAt, endedAt: performance.now(), outcome, isWrite }, line)
    }
    const headers = { ...request.headers, Authorization: `Bearer ${token}` }
    try {
      const answer = await this.#connection.send({ ...request, headers }, patienceMs)
      const outcome = this.#judge(answer, expected)
      add(outcome, outcome === 'ok' || outcome === 'unavailable' ? undefined : describe(answer))
      return outcome === 'ok' || telling.includes(answer.status) ? answer : null
    } catch (error) {
      if (!(error instanceof Cut)) throw error
      add(outcomeOf[error.reason], error.message)
      return null
    }
  }

  #judge(answer: HttpAnswer, expected: number[]): Outcome {
    if (expected.includes(answer.status)) return 'ok'
    if (answer.status === 503 && isProper503(answer)) return 'unavailable'
    if (this.#options.isBehindBalancer && (answer.status === 502 || answer.status === 504)) return 'cut'
    return 'other'
  }

  #newKeyed(): KeyedCreation {
    const creation = { key: crypto.randomUUID(), state: this.#newState(), answer: null }
    this.#keyed.push(creation)
    return creation
  }

  #newState(): TaskState {
    const description = Math.random() < 0.5 ? null : 'words '.repeat(Math.floor(Math.random() * 20)).trim()
    return {
      title: this.#title('task'),
      description,
      status: Math.random() < 0.5 ? 'pending' : 'in_progress',
    }
  }

  /** Never the same twice, so that a task that is stored twice shows. */
  #title(word: string): string {
    this.#serial += 1
    return `${word} ${this.#serial} of ${this.#options.userId}`
  }
}

const outcomeOf = { refused: 'refused', closed: 'cut', timeout: 'other' } as const

function isProper503({ headers, text }: HttpAnswer): boolean {
  return (
    headers['content-type'] === 'application/problem+json' &&
    headers['retry-after'] !== undefined &&
    JSON.parse(text).code === 'unavailable'
  )
}

function describe({ status, text }: HttpAnswer): string {
  return `${status} ${text
    .slice(0, 200)
    .replace(/"request_id":"[^"]*"/, '')
    .replace(/\d+/g, '#')}`
}

function requestOf(id: number, change: Change): HttpRequest {
  const path = `/api/tasks/${id}`
  switch (change.kind) {
    case 'delete':
      return { method: 'DELETE', path }
    case 'edit':
      return {
        method: change.fields.title && Math.random() < 0.5 ? 'PUT' : 'PATCH',
        path,
        body: change.fields,
      }
    case 'toggle':
      return { method: 'PATCH', path: `${path}/complete` }
    case 'complete':
      return { method: 'PATCH', path: `${path}/complete`, body: { completed: change.completed } }
  }
}

function bodyOf({ title, description, status }: TaskState): Record<string, unknown> {
  return { title, description, status }
}

function taskOf({ text }: HttpAnswer): TaskAnswer {
  return JSON.parse(text)
}

function pick<T>(values: T[]): T | undefined {
  return values[Math.floor(Math.random() * values.length)]
}
