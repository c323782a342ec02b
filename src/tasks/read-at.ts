/** A range of times: `from` is in it, `before` is not. */
export interface TimeRange {
  from: string
  before: string
}

const TIME = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)?([Zz]|[+-]\d\d:\d\d)?$/

const SECOND_US = 1_000_000

/** Formats microseconds since 1970 for PostgreSQL. `undefined` outside of the years 1 to 9999. */
const format = (us: number): string | undefined => {
  const date = new Date(Math.floor(us / 1000))
  if (Number.isNaN(date.getTime())) return undefined
  const text = date.toISOString()
  const rest = String(us - date.getTime() * 1000).padStart(3, '0')
  return /^(?!0000)\d{4}-/.test(text) ? text.replace('Z', `${rest}Z`) : undefined
}

/**
 * The range of times that a body's `updated_at` may mean. It depends on the precision of the text: clients that convert it to
 * a `Date` only keep milliseconds. `undefined` if the value is not a time.
 */
export const readTime = (value: unknown): TimeRange | undefined => {
  const [matched, day, time, fraction = '', zone = 'Z'] =
    (typeof value === 'string' && TIME.exec(value)) || []
  if (matched === undefined) return undefined
  const fromUs = Date.parse(`${day}T${time}${zone.toUpperCase()}`) * 1000 + Number(fraction.padEnd(6, '0'))
  const from = format(fromUs)
  const before = format(fromUs + SECOND_US / 10 ** fraction.length)
  return from !== undefined && before !== undefined ? { from, before } : undefined
}
