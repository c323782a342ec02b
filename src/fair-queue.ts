/** What stands in a {@link FairQueue}. */
export interface Owned {
  /** Whose it is: those of one owner, and those of none, wait in a line of their own. */
  readonly owner: string | undefined
}

/** Waiting items. Owners take turns, so that one with a thousand waits no less, and lets others wait no longer. */
export interface FairQueue<T extends Owned> {
  add(item: T): void
  /** Takes the next item of the first owner in turn whose next item `mayGo`; without an argument any may. */
  take(mayGo?: (item: T) => boolean): T | undefined
  /** Takes an item out of its turn; true when it was there. */
  remove(item: T): boolean
  /** Takes out all that are `unwanted`, or everything. */
  drain(unwanted?: (item: T) => boolean): T[]
  size(): number
  countOf(owner: string | undefined): number
}

interface Line<T> {
  owner: string | undefined
  items: T[]
}

/** Makes a queue. Of arrays, because a map that grows and shrinks costs the collector more: see `db/remove`. */
export const createFairQueue = <T extends Owned>(): FairQueue<T> => {
  /** None is empty; the first is next in turn. */
  let lines: Line<T>[] = []
  let size = 0

  const lineOf = (owner: string | undefined) => lines.find((line) => line.owner === owner)

  return {
    add(item) {
      const line = lineOf(item.owner)
      if (line) line.items.push(item)
      else lines.push({ owner: item.owner, items: [item] })
      size += 1
    },
    take(mayGo = () => true) {
      const index = lines.findIndex(({ items }) => mayGo(items[0] as T))
      const [line] = index < 0 ? [] : lines.splice(index, 1)
      if (!line) return undefined
      size -= 1
      const item = line.items.shift()
      if (line.items.length > 0) lines.push(line)
      return item
    },
    remove(item) {
      const line = lineOf(item.owner)
      const index = line?.items.indexOf(item) ?? -1
      if (!line || index < 0) return false
      line.items.splice(index, 1)
      if (line.items.length === 0) lines.splice(lines.indexOf(line), 1)
      size -= 1
      return true
    },
    drain(unwanted = () => true) {
      const drained: T[] = []
      for (const line of lines)
        line.items = line.items.filter((item) => {
          const isUnwanted = unwanted(item)
          if (isUnwanted) drained.push(item)
          return !isUnwanted
        })
      lines = lines.filter(({ items }) => items.length > 0)
      size -= drained.length
      return drained
    },
    size: () => size,
    countOf: (owner) => lineOf(owner)?.items.length ?? 0,
  }
}
