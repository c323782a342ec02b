import { expect, test } from 'bun:test'
import { describeApi } from '../support/api.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'

describeApi('the trace id of a traceparent', ({ send, logged }) => {
  const loggedFor = async (traceparent: string) => {
    const answer = await send('GET', '/health', { headers: { traceparent } })
    return logged().find(({ request_id }) => request_id === answer.headers.get('x-request-id'))?.trace_id
  }

  test('stands in the log line of its request', async () => {
    for (const valid of [
      `00-${TRACE}-${PARENT}-01`,
      `00-${TRACE}-${PARENT}-00`,
      `01-${TRACE}-${PARENT}-01`,
      `cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`,
    ])
      expect([valid, await loggedFor(valid)]).toEqual([valid, TRACE])
  })

  test('does not when it is not valid', async () => {
    for (const invalid of [
      '',
      'x',
      TRACE,
      `ff-${TRACE}-${PARENT}-01`,
      `0-${TRACE}-${PARENT}-01`,
      `00-${TRACE.toUpperCase()}-${PARENT}-01`,
      `00-${'0'.repeat(32)}-${PARENT}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `00-${TRACE}-${PARENT}`,
      `00-${TRACE}-${PARENT}-`,
      `00-${TRACE}-${PARENT}-1`,
      `00-${TRACE}-${PARENT}-0g`,
      `00-${TRACE}-${PARENT}-01-more`,
      `00-${TRACE}-${PARENT}-011`,
      `01-${TRACE}-${PARENT}-01x`,
      `00-${TRACE}x-${PARENT}-01`,
      `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`,
    ])
      expect([invalid, await loggedFor(invalid)]).toEqual([invalid, undefined])
  })
})
