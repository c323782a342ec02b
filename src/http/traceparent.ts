/** Any version but ff, which is none; later ones may add fields behind the flags. Ids are not all zeros. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?=-|$)/

const LENGTH_OF_VERSION_00 = 55

/**
 * The id of the trace that a request belongs to; `undefined` without a valid `traceparent`.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */
export const traceIdOf = ({ headers }: Request): string | undefined => {
  const header = headers.get('traceparent')
  if (header === null || (header.startsWith('00') && header.length !== LENGTH_OF_VERSION_00)) return undefined
  return TRACEPARENT.exec(header)?.[1]
}
