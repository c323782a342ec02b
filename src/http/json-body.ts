import { getSchemaValidator, type TSchema, ValidationError } from 'elysia'
import { AppError } from '../errors.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

const JSON_TYPES = ['application/json']
/** A merge patch (RFC 7396) of a task is what `PATCH` takes in any case: what is given changes. */
const PATCH_TYPES = [...JSON_TYPES, 'application/merge-patch+json']
/** What `PATCH` takes, for its answers. https://www.rfc-editor.org/rfc/rfc5789#section-3.1 */
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
 * What the HTTP server would wait for without end is refused at once, with or without a body: it knows the one
 * expectation there is in lower case only. The connection is closed, as the body may or may not follow.
 * https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
 *
 * @throws {AppError} `expectation_failed`
 */
const checkExpectation = ({ headers }: Request) => {
  const expectation = headers.get('expect')
  if (expectation && expectation !== '100-continue')
    throw new AppError('expectation_failed', { headers: { connection: 'close' } })
}

/** The client went away in the middle of its body, or sent what is no chunk. Hardly anybody is left to be told. */
const cutOff = (cause: unknown) =>
  new AppError('malformed_json', {
    detail: 'The body was cut off',
    reason: 'the body was cut off',
    logLevel: 'debug',
    cause,
  })

/** Reads a body of unknown length no further than the limit. */
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
 * Reads a body; `undefined` stands for an empty one.
 *
 * @throws {AppError} `payload_too_large`, `unsupported_media_type` or, for one that is cut off, `malformed_json`
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
  // Looked at only where it is needed: it makes a stream of a body that could be read at once.
  if (request.body === null) return undefined
  const bytes = await readChunks(request.body, maxBytes)
  if (bytes.length === 0) return undefined
  checkType(request, types)
  return bytes
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
 * @throws {AppError} as {@link readBody}, then `malformed_json` (also for bytes that are not UTF-8) or
 *   `invalid_request`, in this order
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

/** What is read and written of a request's context. */
export interface BodyContext {
  request: Request
  body: unknown
  set: { headers: Record<string, unknown> }
}

/**
 * Makes a route's JSON body be read, and checked against its schema, after the guard has spoken: Elysia would
 * parse before anything else, and answer a stranger's malformed JSON. `parse: 'none'` keeps it from that, and
 * with it from its own check of the body.
 *
 * @param maxBytes a longer body is refused, without being read
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
    /** @param prepare is given the body before it is checked, and may change it */
    required: <const Schema extends TSchema>(schema: Schema, prepare?: Prepare) =>
      route(schema, JSON_TYPES, required, prepare),
    /** For `PATCH`, which takes a merge patch, too. */
    patch: <const Schema extends TSchema>(schema: Schema) => route(schema, PATCH_TYPES, required),
    /** As `patch`; an empty body counts as an empty object. */
    optionalPatch: <const Schema extends TSchema>(schema: Schema) => route(schema, PATCH_TYPES, () => ({})),
    /** For a route that reads none. One that it could not have read is refused all the same. */
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
