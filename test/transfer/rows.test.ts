import { describe, expect, test } from 'bun:test'
import {
  type ReadingRules,
  readTask,
  readUser,
  type SourceTask,
  type SourceUser,
} from '../../src/transfer/rows.ts'
import { createTally } from '../../src/transfer/tally.ts'

/** How the rows of a source are understood. */

const rules: ReadingRules = { isIdKept: true, hasCompleted: false, hasStatus: true, isEncodingUnknown: false }

const task = (values: Partial<SourceTask>, more: Partial<ReadingRules> = {}) => {
  const findings = { problems: createTally(), changes: createTally() }
  const row: SourceTask = {
    id: '1',
    owner: 'u',
    user_id: 'u',
    title: 'a title',
    description: null,
    completed: null,
    status: null,
    created_at: '2026-02-01 09:30:00.123456+00',
    updated_at: null,
    is_deleted: false,
    ...values,
  }
  const stored = readTask(row, 42, { ...rules, ...more }, findings)
  return { stored, problems: findings.problems.lines(), changes: findings.changes.lines() }
}

const user = (values: Partial<SourceUser>) => {
  const findings = { problems: createTally(), changes: createTally() }
  const row: SourceUser = {
    id: 'u',
    email: null,
    password_hash: null,
    created_at: null,
    is_deleted: false,
    is_inactive: false,
    ...values,
  }
  return {
    stored: readUser(row, rules, findings),
    problems: findings.problems.lines(),
    changes: findings.changes.lines(),
  }
}

describe('a status', () => {
  test.each([
    ['pending', 'pending'],
    ['TODO', 'pending'],
    ['In Progress', 'in_progress'],
    ['in-progress', 'in_progress'],
    ['IN_PROGRESS', 'in_progress'],
    ['DONE', 'completed'],
    ['true', 'completed'],
    ['false', 'pending'],
    [null, 'pending'],
  ])('%j is %s', (status, expected) => {
    expect(task({ status }).stored?.status).toBe(expected)
  })

  test.each(['archived', '', 'constructor'])('%j is not understood', (status) => {
    expect(task({ status })).toMatchObject({
      stored: undefined,
      problems: [`tasks with a status that cannot be understood: 1 (task 1 (${JSON.stringify(status)}))`],
    })
  })

  test('and a boolean that disagree are taken as completed, which is said', () => {
    for (const values of [
      { completed: 'true', status: 'pending' },
      { completed: 'false', status: 'completed' },
    ]) {
      const { stored, changes } = task(values, { hasCompleted: true })
      expect(stored?.status).toBe('completed')
      expect(changes).toEqual([
        'tasks completed by one column and not by the other: taken as completed: 1 (task 1)',
      ])
    }
  })

  test('is pending where no column tells', () => {
    expect(task({}, { hasStatus: false }).stored?.status).toBe('pending')
  })
})

describe('a title', () => {
  test('is trimmed as the service trims', () => {
    expect(task({ title: '\u3000\ufeff a title \u2028' }).stored?.title).toBe('a title')
  })

  test('of 200 characters, however many bytes, is kept, and one more is cut', () => {
    const title = '😀'.repeat(200)
    expect(task({ title }).stored).toMatchObject({ title, description: null })
    expect(task({ title: `${title}!`, description: 'more' }).stored).toMatchObject({
      title,
      description: `${title}!\n\nmore`,
    })
  })
})

test('ids that are not kept are those that are given', () => {
  expect(task({ id: '6b1c' }, { isIdKept: false }).stored?.id).toBe('42')
  expect(task({ id: '7' }).stored?.id).toBe('7')
})

test('times are kept to the microsecond', () => {
  expect(task({}).stored?.created_at).toBe('2026-02-01 09:30:00.123456+00')
})

describe('a password hash', () => {
  const tail = 'pI4CQXOLDIxUVYG.zLW7f.hoGcHBzdmeuahc3Lkozu6zySOPuG9/i'
  test.each(['2a', '2b', '2y'])('of bcrypt $%s is kept', (kind) => {
    const hash = `$${kind}$12$${tail}`
    expect(user({ password_hash: hash })).toEqual({
      stored: { id: 'u', email: null, password_hash: hash, created_at: null },
      problems: [],
      changes: [],
    })
  })

  test.each([
    ['$argon2id$v=19$m=65536', 'argon2'],
    ['pbkdf2_sha256$600000$x', 'pbkdf2'],
    ['hunter2', 'another kind'],
    [`$2b$12$${tail}x`, 'another kind'],
  ])('%s is left behind, and said to be %s', (hash, kind) => {
    const { stored, changes } = user({ password_hash: hash, email: 'a@example.com' })
    expect(stored?.password_hash).toBeNull()
    expect(changes).toEqual([
      `password hashes left behind, because they are not bcrypt but ${kind}; their users cannot log in by password: 1 (user "u" ("a@example.com"))`,
    ])
  })

  test('of a user who is not active there is named: logins would work here', () => {
    expect(user({ password_hash: `$2b$12$${tail}`, is_inactive: true }).changes).toEqual([
      'users who are not active there, and can log in here: 1 (user "u")',
    ])
  })
})

test('only the first examples are shown, and nothing that acts on a terminal', () => {
  const tally = createTally()
  for (let number = 1; number <= 1200; number += 1) tally.add('tasks', `task ${number}`)
  expect(tally.lines()).toEqual(['tasks: 1,200 (task 1, task 2, task 3, task 4, task 5, and 1,195 more)'])
  expect(task({ status: '\u001b[2J\u009b' }).problems[0]).toContain('"\\u001b[2J\\u009b"')
  const completed = task({ completed: `\u001b${'x'.repeat(1000)}` }, { hasStatus: false, hasCompleted: true })
  expect(completed.problems[0]).toContain(`(completed "\\u001b${'x'.repeat(59)}…")`)
})
