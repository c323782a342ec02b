import { test } from 'bun:test'
import { newUserId } from '../support/api.ts'
import { expectInvalid, expectProblem, notFound } from '../support/problem.ts'
import { describeForms } from '../support/task-forms.ts'

const invalid = [
  '0',
  '00',
  '01',
  '-1',
  '+1',
  '1.0',
  '1e3',
  '0x1',
  '1_000',
  '9007199254740992',
  '99999999999999999999',
  'abc',
  'null',
  '1;x',
  '1,2',
  '%20',
  '%201',
  '1%20',
  '1%0A',
  '%00',
  '1%00',
  '%ED%A0%80',
  '%FF',
  '%2F',
  '1%2Fcomplete',
  '١',
  '１',
  '𝟙',
  '2e9',
  'Infinity',
  'tasks',
]

describeForms('the id of a task in a path', (api, tasksOf) => {
  const { send } = api
  const uses: [string, string, unknown][] = [
    ['GET', '', undefined],
    ['PUT', '', { title: 'A' }],
    ['PATCH', '', { title: 'A' }],
    ['PATCH', '/complete', undefined],
    ['DELETE', '', undefined],
  ]

  test('is a decimal integer from 1 to 2^53−1 with no sign or leading zero; anything else is 400', async () => {
    const user = newUserId()
    for (const id of invalid)
      for (const [method, suffix, body] of uses) {
        const path = new URL(`http://localhost${tasksOf(user)}/${id}${suffix}`).pathname
        const answer = await send(method, path, { as: user, body })
        expectInvalid(answer, path, 'task_id', 'must be a whole number from 1 to 9007199254740991')
      }
  })

  test('may be any integer in that range, whether there is such a task or not', async () => {
    const user = newUserId()
    for (const id of ['9007199254740991', '9007199254740990', '4294967296', '%39007199254740991'])
      for (const [method, suffix, body] of uses) {
        const path = `${tasksOf(user)}/${id}${suffix}`
        expectProblem(await send(method, path, { as: user, body }), notFound(path))
      }
  })
})
