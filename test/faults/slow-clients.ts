import { connect } from 'node:net'
import { tokenOf } from './load.ts'
import { type Fault, underLoad } from './under-load.ts'

const perKind = 250

/** How long a client may drag on before it must have been cut off: the 150 s of a quiet connection, and some more. */
const limitMs = 170_000

/** Between two bytes of a slow client: often enough for every timeout of a connection that is merely idle. */
const dripMs = 500

const slow = underLoad({
  name: `${2 * perKind} slow clients`,
  route: 'direct',
  async inject({ stage, measurements }) {
    const from = performance.now()
    const { port } = stage.service
    const kinds = {
      'slow headers': 'GET /api/tasks HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
      'slow bodies':
        `POST /api/tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${tokenOf('slow')}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 10000\r\n\r\n{"title":"',
    }
    await Promise.all(
      Object.entries(kinds).map(async ([kind, beginning]) => {
        const lives = await Promise.all(Array.from({ length: perKind }, () => drip(port, beginning)))
        const cutOff = lives.filter((ms) => ms !== null)
        const last = (Math.max(...cutOff) / 1000).toFixed(1)
        stage.notes.push(`${kind}: ${cutOff.length} of ${perKind} cut off, the last after ${last} s`)
        if (cutOff.length < perKind)
          stage.failures.push(`${perKind - cutOff.length} with ${kind} were let go on`)
      }),
    )
    const failed = measurements.between(from, performance.now()).filter(({ outcome }) => outcome !== 'ok')
    if (failed.length > 0) stage.failures.push(`${failed.length} normal requests failed meanwhile`)
  },
})

/** Sends a byte now and then; gives how long the service took that, or null when it never ended it. */
function drip(port: number, beginning: string): Promise<number | null> {
  return new Promise((resolve) => {
    const startedAt = performance.now()
    const socket = connect({ host: '127.0.0.1', port })
    socket.write(beginning)
    const dripping = setInterval(() => socket.write('x'), dripMs)
    const end = (life: number | null) => {
      clearInterval(dripping)
      clearTimeout(timer)
      socket.destroy()
      resolve(life)
    }
    const timer = setTimeout(() => end(null), limitMs)
    socket.on('data', () => {})
    socket.on('error', () => {})
    socket.on('close', () => end(performance.now() - startedAt))
  })
}

/** Clients that keep connections busy without getting anywhere. */
export const slowClientFaults: Fault[] = [slow]
