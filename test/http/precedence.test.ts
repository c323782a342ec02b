import { expect, test } from 'bun:test'
import { describeApi, newUserId, tokenFor } from '../support/api.ts'
import { makeTask } from '../support/task-forms.ts'

const MAX_BODY_BYTES = 2000

/** One thing wrong with what would otherwise be a good PUT of a task, and what is told when it is the only one. */
interface Fault {
  status: number
  code: string
  method?: string
  headers?: Record<string, string>
  body?: string
  owner?: string
  id?: string
  suffix?: string
}

/** In the order in which the contract wants them told. */
const faults: Record<string, Fault> = {
  'no token': { status: 401, code: 'unauthenticated', headers: { authorization: '' } },
  'a token that is not valid': {
    status: 401,
    code: 'invalid_token',
    headers: { authorization: 'Bearer x.y.z' },
  },
  'another user': { status: 403, code: 'forbidden', owner: newUserId() },
  'no such route': { status: 404, code: 'not_found', suffix: '/no/such/route' },
  'another method': { status: 405, code: 'method_not_allowed', method: 'POST' },
  'an expectation that cannot be met': {
    status: 417,
    code: 'expectation_failed',
    headers: { expect: '100-Continue' },
  },
  'a body too large': { status: 413, code: 'payload_too_large', body: 'x'.repeat(MAX_BODY_BYTES + 1) },
  'a body of another type': {
    status: 415,
    code: 'unsupported_media_type',
    headers: { 'content-type': 'text/plain' },
  },
  'a compressed body': {
    status: 415,
    code: 'unsupported_media_type',
    headers: { 'content-encoding': 'gzip' },
  },
  'malformed JSON': { status: 400, code: 'malformed_json', body: '{' },
  'a body that is not valid': { status: 400, code: 'invalid_request', body: '{"title":""}' },
  'a malformed If-Match': { status: 400, code: 'invalid_request', headers: { 'if-match': '"' } },
  'an id that is not one': { status: 400, code: 'invalid_request', id: 'x' },
  'no such task': { status: 404, code: 'not_found', id: String(Number.MAX_SAFE_INTEGER) },
  'a task that has moved on': { status: 412, code: 'precondition_failed', headers: { 'if-match': '"x"' } },
}
const names = Object.keys(faults)

/** A path that does not exist has no other method. */
const isPossible = (first: string, second: string): boolean =>
  first !== 'no such route' || second !== 'another method'

describeApi(
  'of two things wrong with a request the first of the order is told:',
  (api) => {
    /** Sends a request with both faults; where they are about the same part of it, the first decides that. */
    const sendWrong = async (first: Fault, second: Fault) => {
      const { user, task } = await makeTask(api)
      const wrong: Fault = { ...second, ...first }
      const headers = {
        authorization: `Bearer ${tokenFor(user)}`,
        'content-type': 'application/json',
        ...second.headers,
        ...first.headers,
      }
      const path = `/api/${wrong.owner ?? user}/tasks/${wrong.id ?? task.id}${wrong.suffix ?? ''}`
      return api.send(wrong.method ?? 'PUT', path, { body: wrong.body ?? '{"title":"A"}', headers })
    }

    for (const [index, first] of names.entries())
      test(first, async () => {
        const fault = faults[first] as Fault
        const alone = await sendWrong(fault, fault)
        expect([alone.status, alone.json.code]).toEqual([fault.status, fault.code])
        for (const second of names.slice(index + 1).filter((name) => isPossible(first, name))) {
          const { status } = await sendWrong(fault, faults[second] as Fault)
          expect([first, second, status]).toEqual([first, second, fault.status])
        }
      })

    test('an Idempotency-Key that was used with another body', async () => {
      const user = newUserId()
      const headers = { 'idempotency-key': 'used', 'content-type': 'application/json' }
      const post = (body: string, other: Record<string, string> = {}) =>
        api.send('POST', '/api/tasks', { as: user, body, headers: { ...headers, ...other } })
      await post('{"title":"A"}')
      expect((await post('{"title":"B"}')).status).toBe(409)
      expect((await post('{"title":" "}')).status).toBe(400)
      expect((await post('{')).status).toBe(400)
      expect((await post('{"title":"B"}', { 'content-type': 'text/plain' })).status).toBe(415)
      expect((await post(`{"title":"B","x":"${'x'.repeat(MAX_BODY_BYTES)}"}`)).status).toBe(413)
    })
  },
  { maxBodyBytes: MAX_BODY_BYTES },
)
