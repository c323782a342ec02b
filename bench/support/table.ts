import { type Result, type Results, ratioToFloor, totalCpuUs } from './results.ts'

/** A row of a Markdown table. */
export const row = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`

/** Head and rule of a Markdown table whose columns but the first `texts` are numbers. */
export const head = (titles: string[], texts: number) => [
  row(titles),
  row(titles.map((_, index) => (index < texts ? '---' : '---:'))),
]

const times = (ratio: number | null) => (ratio === null ? '–' : `${ratio.toFixed(2)} ×`)

/** Cores that other programs may use before the figures should not be trusted. */
const NOISE_LIMIT_CORES = 0.15

/** The Markdown report of a run: where, what each server costs beside the floor, then every figure. */
export function renderReport(run: Results): string {
  const { machine, rounds, seconds, warmUpSeconds, results, startMs } = run
  const noise = results.flatMap((result) => result.rounds.map(({ otherCores }) => otherCores))
  const noisy = noise.filter((cores) => cores > NOISE_LIMIT_CORES)
  return [
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGb} GB; Linux ${machine.kernel}, ` +
      `${machine.postgres}, Bun ${machine.bun}, Node ${machine.node}. ` +
      `Medians of ${rounds} rounds of ${seconds} s in rotation, after ${warmUpSeconds} s of load, ${run.takenAt.slice(0, 10)}.`,
    `Ready after: ${Object.entries(startMs)
      .map(([name, ms]) => `${name} ${Math.round(ms)} ms`)
      .join(', ')}.`,
    ...(noisy.length > 0
      ? [
          `**Other programs used up to ${Math.max(...noisy).toFixed(2)} cores in ${noisy.length} of ${noise.length} turns: ` +
            'take the figures as hints.**',
        ]
      : []),
    renderSummary(results),
    renderFigures(results),
  ].join('\n\n')
}

/** One line a scenario: CPU µs per request of each server and of the database, and the ratio of both to the floor. */
function renderSummary(results: Result[]): string {
  const labels = [...new Set(results.map(({ label }) => label))]
  const lines = [...Map.groupBy(results, ({ scenario }) => scenario)].map(([scenario, group]) =>
    row([
      scenario,
      ...labels.map((label) => {
        const result = group.find((candidate) => candidate.label === label)
        if (!result) return '–'
        const { cpuUs, databaseCpuUs } = result.median
        return `${cpuUs.toFixed(0)} + ${databaseCpuUs.toFixed(0)} (${times(ratioToFloor(result, results))})`
      }),
    ]),
  )
  return [...head(['CPU µs per request, server + database', ...labels], 1), ...lines].join('\n')
}

function renderFigures(results: Result[]): string {
  const titles = [
    'scenario',
    'connections',
    'server',
    'CPU µs',
    'least–most',
    'database CPU µs',
    'both',
    '× floor',
    'WAL bytes',
  ]
  const lines = results.map((result) => {
    const { median, rounds } = result
    const costs = rounds.map(({ cpuUs }) => cpuUs)
    return row([
      result.scenario,
      result.connections,
      result.label,
      median.cpuUs.toFixed(1),
      `${Math.min(...costs).toFixed(1)}–${Math.max(...costs).toFixed(1)}`,
      median.databaseCpuUs.toFixed(1),
      totalCpuUs(median).toFixed(1),
      times(ratioToFloor(result, results)),
      Math.round(median.walBytes),
      Math.round(median.requestsPerSecond),
      median.p50Ms.toFixed(2),
      median.p99Ms.toFixed(2),
      Math.round(median.rssMb),
    ])
  })
  return [...head([...titles, 'requests/s', 'p50 ms', 'p99 ms', 'RSS MB'], 3), ...lines].join('\n')
}
