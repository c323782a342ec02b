import { describe, expect, test } from 'bun:test'
import { findStepsBack, isLinearizable, type Operation } from './checker.ts'

const read = (from: number, to: number, title: string): Operation => ({
  kind: 'read',
  from,
  to,
  title,
  outcome: 'ok',
})
const write = (from: number, to: number, title: string): Operation => ({
  kind: 'write',
  from,
  to,
  title,
  outcome: 'ok',
})
const change = (from: number, to: number, expected: string, title: string): Operation => ({
  kind: 'change',
  from,
  to,
  expected,
  title,
  outcome: 'ok',
})
const refused = (operation: Operation): Operation => ({ ...operation, outcome: 'refused' })
const unknown = (operation: Operation): Operation => ({
  ...operation,
  to: Number.POSITIVE_INFINITY,
  outcome: 'unknown',
})

describe('a history is that of one task when', () => {
  test.each<[string, Operation[]]>([
    [
      'each read shows what was written last',
      [write(1, 2, 'b'), read(3, 4, 'b'), write(5, 6, 'c'), read(7, 8, 'c')],
    ],
    ['reads during a write show either', [write(1, 9, 'b'), read(2, 3, 'a'), read(4, 5, 'b')]],
    [
      'of two changes at once one is refused',
      [change(1, 9, 'a', 'b'), refused(change(2, 8, 'a', 'c')), read(10, 11, 'b')],
    ],
    [
      'a write without an answer takes effect late',
      [unknown(write(1, 2, 'b')), read(3, 4, 'a'), read(5, 6, 'b')],
    ],
    [
      'a write without an answer never takes effect',
      [unknown(write(1, 2, 'b')), read(3, 4, 'a'), read(5, 6, 'a')],
    ],
    [
      'such a write, unseen, is why a change is refused',
      [unknown(write(1, 2, 'b')), refused(change(3, 4, 'a', 'c')), write(5, 6, 'd')],
    ],
  ])('%s', (_what, history) => expect(isLinearizable('a', history)).toBe(true))
})

describe('a history is not that of one task when', () => {
  test.each<[string, Operation[]]>([
    ['a read shows the past', [write(1, 2, 'b'), read(3, 4, 'a')]],
    ['two reads disagree on what came first', [write(1, 9, 'b'), read(2, 3, 'b'), read(4, 5, 'a')]],
    ['an answered write is gone', [write(1, 2, 'b'), write(3, 4, 'c'), read(5, 6, 'b')]],
    ['two changes of one version both succeed', [change(1, 9, 'a', 'b'), change(2, 8, 'a', 'c')]],
    ['a change is refused for no reason', [refused(change(1, 2, 'a', 'b'))]],
    ['what was read is taken back', [unknown(write(1, 2, 'b')), read(3, 4, 'b'), read(5, 6, 'a')]],
    ['a read shows what nobody wrote', [read(1, 2, 'x')]],
  ])('%s', (_what, history) => expect(isLinearizable('a', history)).toBe(false))
})

/** A service with a defect: it reads, compares and then writes, in two steps, between which others come. */
const playDefective = (): Operation[] => {
  let title = 'a'
  let now = 0
  const tick = () => {
    now += 1
    return now
  }
  const history: Operation[] = []
  for (let round = 0; round < 50; round += 1) {
    const expected = title
    const starts = [tick(), tick()]
    for (const [index, from] of starts.entries()) {
      title = `${round}.${index}`
      history.push(change(from, tick(), expected, title))
    }
    history.push(read(tick(), tick(), title))
  }
  return history
}

describe('the checker', () => {
  test('finds a change that is made as a read and then a write', () => {
    expect(isLinearizable('a', playDefective())).toBe(false)
  })

  test('is done soon with a long history of many at once', () => {
    const history: Operation[] = []
    for (let time = 0; time < 1500; time += 1) {
      history.push(write(time, time + 6, `w${time}`))
      if (time % 100 === 0) history.push(unknown(write(time, time, `u${time}`)))
    }
    expect(isLinearizable('a', history)).toBe(true)
  })

  test('finds updated_at that goes back', () => {
    const at = (operation: Operation, updatedAt: string) => ({ ...operation, updatedAt })
    expect(
      findStepsBack([at(read(1, 2, 'a'), '2'), at(read(3, 4, 'b'), '2'), at(read(5, 6, 'c'), '3')]),
    ).toEqual([])
    expect(findStepsBack([at(read(1, 2, 'a'), '2'), at(read(3, 4, 'b'), '1')])).toHaveLength(1)
  })
})
