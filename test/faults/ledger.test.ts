import { describe, expect, test } from 'bun:test'
import { Ledger, type TaskAnswer, type TaskState } from './ledger.ts'
import { Load } from './load.ts'
import { Stage } from './stage.ts'

const state: TaskState = { title: 'one', description: null, status: 'pending' }

const answer = (id: number, change: Partial<TaskState> = {}): TaskAnswer => {
  const changed = { ...state, ...change }
  return { ...changed, id, completed: changed.status === 'completed', created_at: '', updated_at: '' }
}

const ledgerWithTask = (): Ledger => {
  const ledger = new Ledger()
  ledger.acknowledgeCreation(state, answer(1))
  return ledger
}

describe('a ledger', () => {
  test('is content with what was acknowledged', () => {
    const ledger = ledgerWithTask()
    ledger.acknowledgeChange(1, { kind: 'toggle' }, answer(1, { status: 'completed' }))
    ledger.observeAll([answer(1, { status: 'completed' })])
    expect(ledger.wrong).toEqual([])
  })

  test.each([
    ['missing', []],
    ['different', [answer(1, { title: 'two' })]],
    ['there twice', [answer(1), answer(2)]],
    ['joined by one that nobody made', [answer(1), answer(2, { title: 'two' })]],
  ])('notices a task that is %s', (_what, listed) => {
    const ledger = ledgerWithTask()
    ledger.observeAll(listed)
    expect(ledger.wrong).not.toEqual([])
  })

  test('notices a deleted task that is back', () => {
    const ledger = ledgerWithTask()
    ledger.acknowledgeChange(1, { kind: 'delete' }, null)
    ledger.observeAll([answer(1)])
    expect(ledger.wrong).not.toEqual([])
  })

  test('accepts both outcomes of a write without an answer', () => {
    for (const seen of [answer(1), answer(1, { status: 'completed' })]) {
      const ledger = ledgerWithTask()
      ledger.leaveChangeOpen(1, { kind: 'complete', completed: true })
      ledger.observe(1, seen)
      expect(ledger).toMatchObject({ wrong: [], late: 0, uncertain: undefined })
    }
  })

  test('counts a write without an answer that is stored after a read', () => {
    const ledger = ledgerWithTask()
    ledger.leaveChangeOpen(1, { kind: 'delete' })
    ledger.observe(1, answer(1))
    ledger.observe(1, null)
    expect(ledger).toMatchObject({ wrong: [], late: 1 })
  })

  test('notices when such a write undoes a later one that was acknowledged', () => {
    const ledger = ledgerWithTask()
    ledger.leaveChangeOpen(1, { kind: 'edit', fields: { title: 'two' } })
    ledger.observe(1, answer(1))
    ledger.acknowledgeChange(1, { kind: 'edit', fields: { title: 'three' } }, answer(1, { title: 'three' }))
    ledger.observe(1, answer(1, { title: 'two' }))
    expect(ledger.wrong).not.toEqual([])
  })

  test('accepts a creation without an answer once, and not twice', () => {
    const ledger = new Ledger()
    ledger.leaveCreationOpen(state)
    ledger.observeAll([])
    ledger.observeAll([answer(1)])
    expect(ledger.wrong).toEqual([])
    ledger.observeAll([answer(1), answer(2)])
    expect(ledger.wrong).not.toEqual([])
  })
})

describe('the load on a real service', () => {
  test('finds nothing wrong, and then each of three things that somebody breaks in the database', async () => {
    const stage = await Stage.open('direct')
    try {
      const { url } = await stage.startService()
      const load = new Load({ urls: [url], clients: 6, requestsPerSecond: 300 })
      load.start()
      await Bun.sleep(1500)
      await load.stop()
      expect(await load.settle()).toEqual({ wrong: [], late: 0, unsettled: 0 })

      const task = (user: number) => `(select max(id) from tasks where user_id = 'user-${user}')`
      await stage.postgres.psql(`delete from tasks where id = ${task(0)}`)
      await stage.postgres.psql(`update tasks set title = 'changed' where id = ${task(1)}`)
      await stage.postgres.psql(
        `insert into tasks (user_id, title) select user_id, title from tasks where id = ${task(2)}`,
      )
      const { wrong } = await load.settle()
      expect(wrong.filter((line) => line.endsWith('is gone'))).toHaveLength(1)
      expect(wrong.filter((line) => line.includes('"title":"changed"'))).toHaveLength(1)
      expect(wrong.filter((line) => line.startsWith('listed twice'))).toHaveLength(1)
    } finally {
      await stage.close()
    }
  }, 30_000)
})
