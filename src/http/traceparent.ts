/** Any version but ff, which is invalid. Later versions may append fields. Ids must not be all zeros. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?=-|$)/

const LENGTH_OF_VERSION_00 = 55

/**
 * The trace id of a request. `undefined` without a valid `traceparent`.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */
export const traceIdOf = ({ headers }: Request): string | undefined => {
  const header = headers.get('traceparent')
  if (header === null || (header.startsWith('00') && header.length !== LENGTH_OF_VERSION_00)) return undefined
  return TRACEPARENT.exec(header)?.[1]
}
