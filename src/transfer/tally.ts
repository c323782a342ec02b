import { printable } from '../log.ts'

/** How many examples of each kind are kept. */
const SHOWN = 5

/** Counts findings by kind, with the first examples of each. A kind is a plural: `tasks with a blank title`. */
export interface Tally {
  add(kind: string, example: string): void
  /** The number of findings of all kinds. */
  count(): number
  /** One line for each kind. */
  lines(): string[]
}

export const createTally = (): Tally => {
  const kinds = new Map<string, { count: number; examples: string[] }>()
  return {
    add(kind, example) {
      const found = kinds.get(kind) ?? { count: 0, examples: [] }
      kinds.set(kind, found)
      found.count += 1
      if (found.examples.length < SHOWN) found.examples.push(example)
    },
    count: () => [...kinds.values()].reduce((sum, { count }) => sum + count, 0),
    lines: () =>
      [...kinds].map(([kind, { count, examples }]) => {
        const more = count > examples.length ? [`and ${formatCount(count - examples.length)} more`] : []
        return `${kind}: ${formatCount(count)} (${[...examples, ...more].join(', ')})`
      }),
  }
}

/** Formats a number: `1,000,000`. */
export const formatCount = (count: number): string => count.toLocaleString('en-US')

/** `1 task`, `2 tasks`. */
export const countOf = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`

/** Quotes a value of the source for a terminal: shortened, and with control characters escaped. */
export const quoted = (value: string | null): string => {
  if (value === null) return 'null'
  const text = value.length > 60 ? `${value.slice(0, 60)}…` : value
  return printable(JSON.stringify(text))
}
