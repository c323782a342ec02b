import { originMistake } from '../origins.ts'
import { VariableError } from './variables.ts'

/**
 * Parses the name of a schema, which is written without quotes and keeps its case.
 * https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
 */
export const parseSchemaName = (text: string): string => {
  if (!/^[\p{L}_][\p{L}\p{N}_$-]*$/u.test(text) || Buffer.byteLength(text) > 63)
    throw new VariableError('must be a name of letters, digits, _, $ and -, at most 63 bytes long')
  if (/^pg_|^information_schema$/.test(text))
    throw new VariableError('must not be a schema of PostgreSQL itself')
  return text
}

/** Parses a comma-separated list of origins. Problems are added to `problems`. */
export const parseOrigins = (text: string, problems: string[]): string[] => {
  const origins = text
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '')
  for (const mistake of new Set(origins.map(originMistake)))
    if (mistake) problems.push(`CORS_ORIGINS ${mistake}`)
  return origins
}

/** A header's name must have a hyphen, as those that platforms set do. So `ture` is not taken for a header. */
const HEADER_NAME = /^[a-z][a-z0-9_]*(-[a-z0-9_]+)+$/

/** Parses the number of proxies or the name of a header. Problems are added to `problems`. */
export const parseTrustProxy = (text: string, problems: string[]): number | string => {
  const lower = text.toLowerCase()
  if (text === 'false' || text === 'true') return text === 'true' ? 1 : 0
  if (/^[1-9]\d?$/.test(text)) return Number(text)
  if (lower === 'x-forwarded-for') {
    problems.push('TRUST_PROXY must be true or the number of proxies that append to X-Forwarded-For')
  } else if (!HEADER_NAME.test(lower)) {
    problems.push(
      'TRUST_PROXY must be true, false, the number of proxies (1 to 99), or the name of a header with a hyphen, ' +
        'such as Fly-Client-IP',
    )
  }
  return lower
}
