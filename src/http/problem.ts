import { type Static, type TSchema, t, ValidationError } from 'elysia'
import type { TypeCheck } from 'elysia/type-system'
import { AppError, ERRORS, type ErrorCode, type FieldError } from '../errors.ts'

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]

/** An error as clients see it, in the shape of RFC 9457. https://www.rfc-editor.org/rfc/rfc9457 */
export const Problem = t.Object(
  {
    type: t.Literal('about:blank'),
    title: t.String(),
    status: t.Integer({ minimum: 400, maximum: 599 }),
    code: t.UnionEnum(codes, { description: 'A stable word for programs', default: undefined }),
    detail: t.String({ description: 'For people' }),
    message: t.String({ description: 'Repeats `detail`: what most JavaScript clients read' }),
    instance: t.String({ description: 'The path of the request' }),
    request_id: t.String({ description: 'As in `X-Request-Id`, and in the log' }),
    errors: t.Optional(
      t.Array(t.Object({ field: t.String(), message: t.String() }), {
        description: 'What is not valid, field by field',
      }),
    ),
  },
  { title: 'Problem' },
)
export type Problem = Static<typeof Problem>

/** The parts of a JSON schema that error messages use. */
interface SchemaParts {
  type?: string
  enum?: string[]
  anyOf?: SchemaParts[]
  format?: string
  pattern?: string
  description?: string
}

const nounFor = ({ type, anyOf }: SchemaParts): string => {
  if (anyOf) return anyOf.map(nounFor).join(' or ')
  if (type === 'null') return 'null'
  return type === 'boolean' ? 'true or false' : type === 'object' ? 'an object' : `a ${type}`
}

const messageFor = (schema: SchemaParts, value: unknown): string => {
  if (value === undefined) return 'is required'
  if (schema.enum) return `must be one of ${schema.enum.join(', ')}`
  if (schema.format ?? schema.pattern) return `must be ${schema.description}`
  return `must be ${nounFor(schema)}`
}

/** The invalid fields, each with its first error. The field is `body`, `query` or `params` if the whole is invalid. */
const fieldErrors = (error: ValidationError): FieldError[] => {
  const byField = new Map<string, FieldError>()
  for (const { path, schema, value } of (error.validator as TypeCheck<TSchema>).Errors(error.value)) {
    const field = path.slice(1) || error.type
    if (!byField.has(field)) byField.set(field, { field, message: messageFor(schema, value) })
  }
  return [...byField.values()]
}

/** Converts any error to an `AppError`. Unexpected errors become `internal`. */
export const toAppError = (error: unknown): AppError => {
  if (error instanceof AppError) return error
  if (error instanceof ValidationError && error.type !== 'response')
    return new AppError('invalid_request', { errors: fieldErrors(error) })
  return new AppError('internal', { cause: error })
}

/** The status of an error. `validationErrorStatus` applies to bodies, queries and paths. */
export const statusOf = ({ code, inHeader }: AppError, validationErrorStatus: 400 | 422): number =>
  code === 'invalid_request' && !inHeader ? validationErrorStatus : ERRORS[code].status

const TITLE_422 = 'Unprocessable Content'

/** Renders an error. */
export const toProblem = (error: AppError, status: number, instance: string, requestId: string): Problem => ({
  type: 'about:blank',
  title: status === 422 ? TITLE_422 : ERRORS[error.code].title,
  status,
  code: error.code,
  detail: error.message,
  message: error.message,
  instance,
  request_id: requestId,
  ...(error.errors && { errors: error.errors }),
})
