import { getSchemaValidator, type TSchema, ValidationError } from 'elysia'
import { AppError } from '../errors.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

const isJson = (contentType: string | null): boolean =>
  contentType !== null && /^application\/json\s*(;|$)/i.test(contentType.trim())

/** Reads a body of unknown length no further than the limit. */
const readChunks = async (body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > maxBytes) throw new AppError('payload_too_large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const readBytes = async (request: Request, maxBytes: number): Promise<Uint8Array> => {
  const length = request.headers.get('content-length')
  if (length === null) return request.body ? readChunks(request.body, maxBytes) : new Uint8Array()
  if (Number(length) > maxBytes) throw new AppError('payload_too_large')
  return request.bytes()
}

/**
 * Empties what is nested. No body has such parts, so none is right; but Elysia tells in words what it found
 * instead, and fails at an object whose `toString` is no function, and at one that is thousands deep.
 */
const flatten = (body: Record<string, unknown>): object => {
  for (const name in body) if (typeof body[name] === 'object' && body[name] !== null) body[name] = {}
  return body
}

/**
 * Reads a JSON object; `undefined` stands for an empty body.
 *
 * @throws {AppError} `payload_too_large`, `unsupported_media_type`, `malformed_json` (also for bytes that are
 *   not UTF-8) or `invalid_request`, in this order
 */
const readJson = async (request: Request, maxBytes: number): Promise<object | undefined> => {
  const bytes = await readBytes(request, maxBytes)
  if (bytes.length === 0) return undefined
  if (!isJson(request.headers.get('content-type'))) throw new AppError('unsupported_media_type')
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw new AppError('malformed_json', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AppError('invalid_request', { errors: [{ field: 'body', message: 'must be an object' }] })
  return flatten(value as Record<string, unknown>)
}

/**
 * Makes a route's JSON body be read, and checked against its schema, after the guard has spoken: Elysia would
 * parse before anything else, and answer a stranger's malformed JSON. `parse: 'none'` keeps it from that, and
 * with it from its own check of the body.
 *
 * @param maxBytes a longer body is refused, without being read
 */
export const jsonBody = (maxBytes: number) => {
  const route = <const Schema extends TSchema>(schema: Schema, orElse: () => object) => {
    const validator = getSchemaValidator(schema, { normalize: false })
    return {
      parse: 'none' as const,
      body: schema,
      transform: async (context: { request: Request; body: unknown }) => {
        const body = (await readJson(context.request, maxBytes)) ?? orElse()
        if (!validator.Check(body)) throw new ValidationError('body', validator, body)
        context.body = body
      },
    }
  }
  return {
    required: <const Schema extends TSchema>(schema: Schema) =>
      route(schema, () => {
        throw new AppError('malformed_json', { detail: 'A JSON body is required' })
      }),
    /** An empty body counts as an empty object. */
    optional: <const Schema extends TSchema>(schema: Schema) => route(schema, () => ({})),
  }
}

export type JsonBody = ReturnType<typeof jsonBody>
