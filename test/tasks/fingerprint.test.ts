import { expect, test } from 'bun:test'
import { fingerprintOf, readNewTask } from '../../src/tasks/schema.ts'

const hex = (task: Parameters<typeof fingerprintOf>[0]) => Buffer.from(fingerprintOf(task)).toString('hex')

// A retry may reach a newer version than the first request, so digests must not change from version to version.
test('the fingerprint of a task is that of version 1.0.0', () => {
  expect(hex(readNewTask({ title: 'Buy milk' }))).toBe(
    '618cb84a950a8020879af8f5b61995d0f772a57cdab14b075fa6d8da42812de6',
  )
  expect(hex(readNewTask({ title: ' Buy milk ', description: 'two bottles', status: 'in_progress' }))).toBe(
    '77563f3da8115081d5d23933a7b213728e3681cccc50cc59546ec55196d605b9',
  )
})

test('a field added at the end only counts when it is not null', () => {
  const task = readNewTask({ title: 'Buy milk' })
  const withMore = (dueAt: string | null, note: string | null) =>
    hex(Object.assign({ ...task }, { dueAt, note }))
  expect(withMore(null, null)).toBe(hex(task))
  expect(new Set([hex(task), withMore('x', null), withMore(null, 'x')]).size).toBe(3)
})
