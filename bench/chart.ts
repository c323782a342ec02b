/**
 * `bun bench/chart.ts [results.json] [chart.svg]`: draws the CPU time per request of each server, and of
 * the database for it, from the figures of a run. Bars, because what is compared is an amount; from zero, because ratios are the point.
 */
import { join } from 'node:path'
import { type Results, totalCpuUs } from './support/results.ts'
import type { ServerName } from './support/servers.ts'

const [from = join(import.meta.dir, 'results.json'), to = join(import.meta.dir, 'chart.svg')] =
  process.argv.slice(2)

/** The scenarios that ask the database: 401 and health would be too short to see. */
const SHOWN = ['get', 'list', 'create', 'toggle', 'mixed']

const NAMES: Record<ServerName, string> = {
  service: 'this service',
  floor: 'by hand (Bun)',
  'bun-sql': 'by hand, Bun.sql',
  hono: 'Hono (Bun)',
  fastify: 'Fastify (Node)',
}

const WIDTH = 760
const LEFT = 72
const RIGHT = 92
const TOP = 78
const BAR = 15
const BAR_GAP = 3
const GROUP_GAP = 20

/** Colours that stand out on white and on black; only the text changes with the reader's scheme. */
const STYLE = `
    text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
    .title { font-size: 15px; font-weight: 600 }
    .note { font-size: 12px; fill: #59636e }
    .value { font-size: 12px; font-variant-numeric: tabular-nums }
    .service { fill: #0d9488 } .floor { fill: #8b949e } .bun-sql { fill: #3b82c4 } .database { opacity: .45 } .hono { fill: #e8833a } .fastify { fill: #8b6fd6 }
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .note { fill: #9198a1 } }`

const run: Results = await Bun.file(from).json()
await Bun.write(to, drawChart(run))

function drawChart({ results, machine, rounds, takenAt }: Results): string {
  const shown = results.filter(({ scenario }) => SHOWN.includes(scenario))
  const servers = [...new Set(shown.map(({ server }) => server))]
  const groups = [...Map.groupBy(shown, ({ scenario }) => scenario)]
  const most = Math.max(...shown.map(({ median }) => totalCpuUs(median)))
  const scale = (WIDTH - LEFT - RIGHT) / most
  const groupHeight = servers.length * (BAR + BAR_GAP) + GROUP_GAP
  const height = TOP + groups.length * groupHeight + 16

  const bars = groups.flatMap(([scenario, group], groupIndex) => {
    const top = TOP + groupIndex * groupHeight
    const middle = top + (group.length * (BAR + BAR_GAP)) / 2
    return [
      text(LEFT - 10, middle + 3, scenario, 'label', 'end'),
      ...group.flatMap(({ server, median }, index) => {
        const y = top + index * (BAR + BAR_GAP)
        const { cpuUs, databaseCpuUs } = median
        const width = cpuUs * scale
        const rest = databaseCpuUs * scale
        return [
          `<rect class="${server}" x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR}"/>`,
          `<rect class="${server} database" x="${(LEFT + width).toFixed(1)}" y="${y}" width="${rest.toFixed(1)}" height="${BAR}"/>`,
          text(
            LEFT + width + rest + 6,
            y + BAR - 3,
            `${cpuUs.toFixed(0)} + ${databaseCpuUs.toFixed(0)} µs`,
            'value',
          ),
        ]
      }),
    ]
  })
  const note =
    `${machine.processor}, ${machine.cores} cores; 64 connections, medians of ${rounds} rounds, ` +
    takenAt.slice(0, 10)

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title">
  <title id="title">CPU time per request of each server and scenario</title>
  <style>${STYLE}
  </style>
  ${[
    text(LEFT, 22, 'CPU time per request: server, and in paler colour PostgreSQL (less is better)', 'title'),
    text(LEFT, 41, note, 'note'),
    ...drawLegend(servers),
    ...bars,
  ].join('\n  ')}
</svg>
`
}

function drawLegend(servers: ServerName[]): string[] {
  const step = (WIDTH - LEFT) / servers.length
  return servers.flatMap((server, index) => {
    const x = LEFT + index * step
    return [
      `<rect class="${server}" x="${x}" y="53" width="11" height="11" rx="2"/>`,
      text(x + 17, 63, NAMES[server], 'note'),
    ]
  })
}

function text(x: number, y: number, content: string, className: string, anchor = 'start'): string {
  return `<text class="${className}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${Bun.escapeHTML(content)}</text>`
}
