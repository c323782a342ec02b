/** The middle value; the mean of the two in the middle when their number is even. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The median of each numeric field over records that have the same fields. */
export function medianOfEach<Row extends Record<Key, number>, Key extends string>(
  rows: Row[],
  keys: readonly Key[],
): Record<Key, number> {
  return Object.fromEntries(keys.map((key) => [key, median(rows.map((row) => row[key]))])) as Record<
    Key,
    number
  >
}
