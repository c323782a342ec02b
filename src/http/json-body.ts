import { getSchemaValidator, type TSchema, ValidationError } from 'elysia'
import { AppError } from '../errors.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

const JSON_TYPES = ['application/json']
/** A `PATCH` body is a merge patch (RFC 7396): only the given fields change. */
const PATCH_TYPES = [...JSON_TYPES, 'application/merge-patch+json']
/** The header `Accept-Patch` of its answers. https://www.rfc-editor.org/rfc/rfc5789#section-3.1 */
export const acceptPatch = { 'accept-patch': PATCH_TYPES.join(', ') }

/** @throws {AppError} `unsupported_media_type` */
const checkType = ({ headers }: Request, types: string[]) => {
  const coding = headers.get('content-encoding')
  if (coding && coding.toLowerCase() !== 'identity')
    throw new AppError('unsupported_media_type', {
      detail: 'The body must not be compressed',
      headers: { 'accept-encoding': 'identity' },
    })
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (!types.includes(type ?? ''))
    throw new AppError('unsupported_media_type', {
      detail: `The body must be ${types.join(' or ')}`,
      headers: types === PATCH_TYPES ? acceptPatch : {},
    })
}

/**
 * Refuses any `Expect` but `100-continue` in lower case, because Bun would wait for the body of any other for ever.
 * The connection is closed, because the body may still follow.
 * https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
 *
 * @throws {AppError} `expectation_failed`
 */
const checkExpectation = ({ headers }: Request) => {
  const expectation = headers.get('expect')
  if (expectation && expectation !== '100-continue')
    throw new AppError('expectation_failed', { headers: { connection: 'close' } })
}

/** The client disconnected before the end of the body, or sent a malformed chunk. Logged at debug, because it is no defect. */
const cutOff = (cause: unknown) =>
  new AppError('malformed_json', {
    detail: 'The body was cut off',
    reason: 'the body was cut off',
    logLevel: 'debug',
    cause,
  })

/** Reads a body of unknown length, up to the limit. */
const readChunks = async (body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      length += chunk.length
      if (length > maxBytes) throw new AppError('payload_too_large')
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof AppError ? error : cutOff(error)
  }
  return Buffer.concat(chunks)
}

/**
 * Reads a body. `undefined` if it is empty.
 *
 * @throws {AppError} `payload_too_large`, `unsupported_media_type`, or `malformed_json` for a body that is cut off
 */
const readBody = async (
  request: Request,
  maxBytes: number,
  types: string[],
): Promise<Uint8Array | undefined> => {
  const length = request.headers.get('content-length')
  if (length !== null) {
    if (Number(length) > maxBytes) throw new AppError('payload_too_large')
    if (Number(length) === 0) return undefined
    checkType(request, types)
    return request.bytes().catch((error: unknown) => {
      throw cutOff(error)
    })
  }
  // Only used without a length, because reading `body` turns it into a stream.
  if (request.body === null) return undefined
  const bytes = await readChunks(request.body, maxBytes)
  if (bytes.length === 0) return undefined
  checkType(request, types)
  return bytes
}

/**
 * Empties nested objects and arrays. They are refused in any case, because no field takes one. But Elysia builds its error
 * message from the value, which fails if its `toString` is not a function or if it is nested thousands of levels deep.
 */
const flatten = (body: Record<string, unknown>): object => {
  for (const name in body) if (typeof body[name] === 'object' && body[name] !== null) body[name] = {}
  return body
}

/**
 * Reads a JSON object. `undefined` if the body is empty.
 *
 * @throws {AppError} as {@link readBody}, then `malformed_json` (also for invalid UTF-8), then `invalid_request`
 */
const readJson = async (request: Request, maxBytes: number, types: string[]): Promise<object | undefined> => {
  const bytes = await readBody(request, maxBytes, types)
  if (bytes === undefined) return undefined
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

type Prepare = (body: Record<string, unknown>) => void

/** The part of Elysia's context that `transform` uses. */
export interface BodyContext {
  request: Request
  body: unknown
  set: { headers: Record<string, unknown> }
}

/**
 * Reads the JSON body of a route in `transform`, after the guard. Elysia's own parser runs before the guard, so that a
 * request without a token would get 400, 413 or 415 instead of 401, and it does not follow the order 417, 413, 415, 400.
 * `parse: 'none'` turns off the parser and also the validation, so the schema is checked here.
 *
 * @param maxBytes a longer body is refused
 */
export const jsonBody = (maxBytes: number) => {
  const route = <const Schema extends TSchema>(
    schema: Schema,
    types: string[],
    orElse: () => object,
    prepare?: Prepare,
  ) => {
    const validator = getSchemaValidator(schema, { normalize: false })
    return {
      parse: 'none' as const,
      body: schema,
      transform: async (context: BodyContext) => {
        checkExpectation(context.request)
        const body = (await readJson(context.request, maxBytes, types)) ?? orElse()
        prepare?.(body as Record<string, unknown>)
        if (!validator.Check(body)) throw new ValidationError('body', validator, body)
        context.body = body
        if (types === PATCH_TYPES) Object.assign(context.set.headers, acceptPatch)
      },
    }
  }
  const required = () => {
    throw new AppError('malformed_json', { detail: 'A JSON body is required' })
  }
  return {
    /** @param prepare may change the body before it is checked */
    required: <const Schema extends TSchema>(schema: Schema, prepare?: Prepare) =>
      route(schema, JSON_TYPES, required, prepare),
    /** For `PATCH`: also takes a merge patch. */
    patch: <const Schema extends TSchema>(schema: Schema) => route(schema, PATCH_TYPES, required),
    /** As `patch`, but the body may be empty, which is read as `{}`. */
    optionalPatch: <const Schema extends TSchema>(schema: Schema) => route(schema, PATCH_TYPES, () => ({})),
    /** For a route without a body. A body that is sent anyway has the same limits and types. */
    unread: {
      parse: 'none' as const,
      transform: async ({ request }: { request: Request }) => {
        checkExpectation(request)
        if (request.headers.has('content-length') || request.headers.has('transfer-encoding'))
          await readBody(request, maxBytes, JSON_TYPES)
      },
    },
  }
}

export type JsonBody = ReturnType<typeof jsonBody>
