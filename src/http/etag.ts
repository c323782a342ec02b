import { AppError } from '../errors.ts'

// RFC 9110, section 8.8.3; a list may have empty members (section 5.6.1).
const LIST = /^[\s,]*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,[\s,]*|$))+$/
const MEMBER = /(W\/)?"([^"]*)"/g

const parseEntityTags = (field: string, text: string): '*' | { weak: boolean; value: string }[] => {
  if (text.trim() === '*') return '*'
  if (!LIST.test(text))
    throw new AppError('invalid_request', {
      inHeader: true,
      errors: [{ field, message: 'must be * or a list of entity tags' }],
    })
  return [...text.matchAll(MEMBER)].map(([, weak, value = '']) => ({ weak: weak !== undefined, value }))
}

/** The strong validator of a task: the time of its last change, which rises with each. */
export const entityTag = (task: { updated_at: string }): string => `"${task.updated_at}"`

/**
 * The versions that the client has a copy of, as `If-None-Match` tells by weak comparison.
 * https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
 *
 * @throws {AppError} `invalid_request` for a malformed header
 */
export const versionsKnown = (request: Request): '*' | string[] => {
  const header = request.headers.get('if-none-match')
  if (header === null) return []
  const tags = parseEntityTags('If-None-Match', header)
  return tags === '*' ? '*' : tags.map(({ value }) => value)
}

const VERSION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/

/**
 * The versions that `If-Match` allows a change on, by strong comparison; `*` also when there is no such header.
 * https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
 *
 * @throws {AppError} `invalid_request` for a malformed header
 */
export const versionsToMatch = (request: Request): '*' | string[] => {
  const header = request.headers.get('if-match')
  if (header === null) return '*'
  const tags = parseEntityTags('If-Match', header)
  if (tags === '*') return '*'
  return tags.filter(({ weak, value }) => !weak && VERSION.test(value)).map(({ value }) => value)
}
