import { AppError } from '../errors.ts'

// A list of entity tags (RFC 9110, section 8.8.3), also with empty elements (section 5.6.1).
const LIST = /^[\s,]*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,[\s,]*|$))*$/
const MEMBER = /"([^"]*)"/g

/** What a proxy that compressed an answer appends to its entity tag. */
const CODING = /[-;](?:gzip|br|zstd|deflate)$/
const VERSION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/

/** Whether a text is a valid `updated_at`. */
const isVersion = (text: string): boolean => {
  if (!VERSION.test(text) || text.startsWith('0000')) return false
  const time = new Date(text)
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text.slice(0, 19))
}

/** The strong validator of a task: its `updated_at`, which every change raises. */
export const entityTag = (task: { updated_at: string }): string => `"${task.updated_at}"`

/**
 * The tags in a header; `*` for any, `undefined` without the header. A tag names a stored version, not the bytes of an
 * answer. So one that a proxy has weakened or marked with a content coding still matches.
 */
const tagsIn = (request: Request, field: 'If-Match' | 'If-None-Match'): '*' | string[] | undefined => {
  const text = request.headers.get(field)
  if (text === null) return undefined
  if (text.trim() === '*') return '*'
  if (!LIST.test(text))
    throw new AppError('invalid_request', {
      inHeader: true,
      errors: [{ field, message: 'must be * or a list of entity tags' }],
    })
  return Array.from(text.matchAll(MEMBER), ([, tag = '']) => tag.replace(CODING, ''))
}

/** A set of versions: any, some, or all but some. */
type Versions = '*' | { in: readonly string[] } | { notIn: readonly string[] }

/** Whether a version is in the set. */
export const isOneOf = (versions: Versions, version: string): boolean => {
  if (versions === '*') return true
  return 'in' in versions ? versions.in.includes(version) : !versions.notIn.includes(version)
}

/**
 * The versions (values of `updated_at`) that `If-Match` and `If-None-Match` allow a request to change: any (as without
 * these headers), some, or all but some.
 * https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
 *
 * @throws {AppError} `invalid_request` for a malformed header
 */
export const versionsToChange = (request: Request): Versions => {
  const wanted = tagsIn(request, 'If-Match') ?? '*'
  const unwanted = tagsIn(request, 'If-None-Match') ?? []
  if (unwanted === '*') return { in: [] }
  if (wanted !== '*') return { in: wanted.filter((tag) => isVersion(tag) && !unwanted.includes(tag)) }
  const notIn = unwanted.filter(isVersion)
  return notIn.length === 0 ? '*' : { notIn }
}

/**
 * Evaluates the conditions of a GET for a version: `failed` if `If-Match` does not name it, `known` if `If-None-Match`
 * does, else `read`.
 * https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
 *
 * @throws {AppError} `invalid_request` for a malformed header, before the version is asked for
 */
export const readingConditions = (request: Request): ((version: string) => 'failed' | 'known' | 'read') => {
  const wanted = tagsIn(request, 'If-Match') ?? '*'
  const known = tagsIn(request, 'If-None-Match') ?? []
  return (version) => {
    if (wanted !== '*' && !wanted.includes(version)) return 'failed'
    return known === '*' || known.includes(version) ? 'known' : 'read'
  }
}
