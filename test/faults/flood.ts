import { Cut, HttpConnection, type HttpRequest } from '../support/http-connection.ts'
import { tokenOf } from './load.ts'

/**
 * As many requests as get answered, over many connections at once. A program of its own (`bun flood.ts URL
 * CONNECTIONS SECONDS`), so that it takes no time from whoever watches the service meanwhile. Prints a
 * FloodReport as JSON.
 */
export interface FloodReport {
  /** Answers by status; `closed`, `refused` and `timeout` are requests without one. */
  outcomes: Record<string, number>
  successesPerSecond: number
  worstMs: number
  medianMs: number
}

/**
 * How soon a client that got a 503 tries again: four times sooner than `Retry-After` asks for. Without any wait,
 * what is measured is how many 503s a core can make beside the flood that takes the other.
 */
const impatienceMs = 250

async function flood(url: string, connections: number, seconds: number): Promise<FloodReport> {
  const outcomes: Record<string, number> = {}
  const durations: number[] = []
  const startedAt = performance.now()
  const deadline = startedAt + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, async (_, index) => {
      const connection = new HttpConnection(url)
      const headers = { Authorization: `Bearer ${tokenOf(`flood-${index % 100}`)}` }
      while (performance.now() < deadline) {
        const sentAt = performance.now()
        const outcome = await outcomeOf(connection, { ...someRequest(), headers })
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        durations.push(performance.now() - sentAt)
        if (outcome === '503') await Bun.sleep(impatienceMs)
      }
      connection.close()
    }),
  )
  durations.sort((one, other) => one - other)
  const successes = (outcomes['200'] ?? 0) + (outcomes['201'] ?? 0)
  return {
    outcomes,
    successesPerSecond: Math.round((successes * 1000) / (performance.now() - startedAt)),
    worstMs: Math.round(durations.at(-1) ?? 0),
    medianMs: Math.round(durations[Math.floor(durations.length / 2)] ?? 0),
  }
}

function someRequest(): HttpRequest {
  if (Math.random() < 0.2) return { method: 'POST', path: '/api/tasks', body: { title: 'one of very many' } }
  return { method: 'GET', path: '/api/tasks?limit=20' }
}

async function outcomeOf(connection: HttpConnection, request: HttpRequest): Promise<string> {
  try {
    const answer = await connection.send(request, 30_000)
    return String(answer.status)
  } catch (error) {
    if (error instanceof Cut) return error.reason
    throw error
  }
}

if (import.meta.main) {
  const [url = '', connections, seconds] = process.argv.slice(2)
  console.log(JSON.stringify(await flood(url, Number(connections), Number(seconds))))
}
