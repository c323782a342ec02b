import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createFairQueue } from '../src/fair-queue.ts'

interface Item {
  owner: string | undefined
  name: string
}

/** Items by their names, whose first letter is their owner. */
const queueOf = (names: string) => {
  const items = names.split(' ').map((name): Item => ({ owner: name[0], name }))
  const queue = createFairQueue<Item>()
  for (const item of items) queue.add(item)
  const item = (name: string) => items.find((one) => one.name === name) as Item
  const takeAll = () => {
    const taken: string[] = []
    for (let next = queue.take(); next; next = queue.take()) taken.push(next.name)
    return taken.join(' ')
  }
  return { queue, item, takeAll }
}

describe('a fair queue', () => {
  test('gives one owner’s items in their order', () => {
    expect(queueOf('a1 a2 a3').takeAll()).toBe('a1 a2 a3')
  })

  test('lets owners take turns, whoever came first and however many items they have', () => {
    expect(queueOf('a1 a2 a3 a4 b1 c1 c2').takeAll()).toBe('a1 b1 c1 a2 c2 a3 a4')
  })

  test('puts an owner who comes back behind those who wait', () => {
    const { queue, takeAll } = queueOf('a1 b1 b2 c1')
    expect(queue.take()?.name).toBe('a1')
    queue.add({ owner: 'a', name: 'a2' })
    expect(takeAll()).toBe('b1 c1 a2 b2')
  })

  test('counts those without an owner as one', () => {
    const queue = createFairQueue<Item>()
    for (const [owner, name] of [
      [undefined, 'n1'],
      [undefined, 'n2'],
      ['a', 'a1'],
    ] as const)
      queue.add({ owner, name })
    expect([queue.take(), queue.take(), queue.take()].map((item) => item?.name)).toEqual(['n1', 'a1', 'n2'])
  })

  test('passes over owners whose next item may not go, who keep their place', () => {
    const { queue, takeAll } = queueOf('a1 a2 b1 c1')
    expect(queue.take(({ owner }) => owner === 'c')?.name).toBe('c1')
    expect(queue.take(() => false)).toBeUndefined()
    expect(takeAll()).toBe('a1 b1 a2')
  })

  test('gives up what is taken out of it, once', () => {
    const { queue, item, takeAll } = queueOf('a1 a2 b1')
    expect([queue.remove(item('a1')), queue.remove(item('a1'))]).toEqual([true, false])
    expect([queue.remove(item('b1')), queue.remove(item('b1'))]).toEqual([true, false])
    expect(queue.size()).toBe(1)
    expect(takeAll()).toBe('a2')
  })

  test('gives up all that is unwanted, or everything', () => {
    const { queue } = queueOf('a1 a2 b1 b2')
    expect(queue.drain(({ name }) => name.endsWith('1')).map(({ name }) => name)).toEqual(['a1', 'b1'])
    expect([queue.size(), queue.countOf('a'), queue.countOf('b')]).toEqual([2, 1, 1])
    expect(queue.drain().map(({ name }) => name)).toEqual(['a2', 'b2'])
    expect([queue.size(), queue.take()]).toEqual([0, undefined])
  })

  test('makes room by the newest item of the longest line', () => {
    const { queue, takeAll } = queueOf('a1 b1 b2 b3 c1 c2')
    expect(queue.makeRoomFor('newcomer')?.name).toBe('b3')
    expect(queue.size()).toBe(5)
    expect(takeAll()).toBe('a1 b1 c1 b2 c2')
  })

  test('makes no room where its owner would then have more than the other', () => {
    const { queue } = queueOf('a1 a2 b1 c1 c2 c3')
    expect([queue.makeRoomFor('c'), queue.makeRoomFor('a')]).toEqual([undefined, undefined])
    expect(queue.makeRoomFor('b')?.name).toBe('c3')
    const { queue: even } = queueOf('a1 b1')
    expect(even.makeRoomFor('newcomer')).toBeUndefined()
    expect([even.size(), createFairQueue<Item>().makeRoomFor('a')]).toEqual([2, undefined])
  })

  test('comes to equal parts when room is made, whoever comes in which order', () => {
    const owners = ['a', 'b', 'c', 'd']
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...owners), { maxLength: 200 }), (sequence) => {
        const queue = createFairQueue<Item>()
        for (const owner of [...sequence, ...owners.flatMap((owner) => Array<string>(12).fill(owner))])
          if (queue.size() < 12 || queue.makeRoomFor(owner)) queue.add({ owner, name: '' })
        expect(owners.map(queue.countOf)).toEqual([3, 3, 3, 3])
        expect(queue.size()).toBe(12)
      }),
    )
  })

  test('makes nobody wait for more than one item of each other owner', () => {
    const owners = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(owners, (sequence) => {
        const queue = createFairQueue<Item>()
        for (const owner of sequence) queue.add({ owner, name: '' })
        queue.add({ owner: 'newcomer', name: '' })
        const before: (string | undefined)[] = []
        for (let next = queue.take(); next?.owner !== 'newcomer'; next = queue.take())
          before.push(next?.owner)
        expect(before.sort()).toEqual([...new Set(sequence)].sort())
        expect(queue.size()).toBe(sequence.length - before.length)
      }),
    )
  })
})
