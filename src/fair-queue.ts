/** An item of a {@link FairQueue}. */
export interface Owned {
  /** Each owner's items wait in a separate line. Items without an owner share one. */
  readonly owner: string | undefined
}

/** A queue in which owners take turns (round robin): an owner with a thousand items does not delay the others. */
export interface FairQueue<T extends Owned> {
  add(item: T): void
  /** Takes the first item of the next owner. Skips owners whose first item `mayGo` refuses. */
  take(mayGo?: (item: T) => boolean): T | undefined
  /** Removes an item. True if it was in the queue. */
  remove(item: T): boolean
  /**
   * Takes out the newest item of the longest line, to make room for one of `owner`. `undefined` if that line would become
   * the shorter of the two: then owners would push each other's items out in turn.
   */
  makeRoomFor(owner: string | undefined): T | undefined
  /** Removes all `unwanted` items, or everything, and returns them. */
  drain(unwanted?: (item: T) => boolean): T[]
  size(): number
  countOf(owner: string | undefined): number
}

interface Line<T> {
  owner: string | undefined
  items: T[]
}

/** Makes a queue. It uses arrays, because maps that grow and shrink cost the garbage collector more: see `db/remove`. */
export const createFairQueue = <T extends Owned>(): FairQueue<T> => {
  /** The non-empty lines, in the order of their turns. */
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
    makeRoomFor(owner) {
      let own = 0
      let longest: T[] = []
      for (const { owner: other, items } of lines) {
        if (other === owner) own = items.length
        if (items.length > longest.length) longest = items
      }
      // Both have at least one item afterwards.
      if (longest.length < own + 2) return undefined
      size -= 1
      return longest.pop()
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
