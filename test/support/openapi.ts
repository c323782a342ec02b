import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { Memoirist } from 'memoirist'
import type { App } from '../../src/app.ts'
import { type OpenApiOptions, openApiDocument } from '../../src/docs/openapi.ts'
import type { Answer } from './api.ts'

interface Reference {
  $ref: string
}
interface HeaderObject {
  required?: boolean
  schema: { pattern: string }
}
interface ResponseObject {
  headers: Record<string, Reference>
  content?: Record<string, { schema: object }>
}
interface Operation {
  operationId: string
  responses: Record<string, ResponseObject>
}
interface OpenApiDocument {
  paths: Record<string, Record<string, Operation>>
  components: { headers: Record<string, HeaderObject>; schemas: Record<string, { type?: string }> }
}

/** Headers that any answer may have, and of which a client of this API need not know. */
const GENERAL_HEADERS = new Set([
  'access-control-allow-credentials',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-security-policy',
  'content-type',
  'referrer-policy',
  'server-timing',
  'vary',
  'x-content-type-options',
])

/** What is not for clients of the API, and not in the document. */
const isUndocumented = (path: string) => path === '/metrics' || path.startsWith('/docs/assets/')

// Kept on the global object: test files do not share their modules with the preloaded one.
const kept = globalThis as typeof globalThis & {
  answersChecked?: number
  operationsChecked?: Set<string>
  answerCheckers?: Map<string, CheckAnswer>
}

/** How many answers were checked so far, and of how many operations. */
export const checkedAnswers = (): { answers: number; operations: number } => ({
  answers: kept.answersChecked ?? 0,
  operations: kept.operationsChecked?.size ?? 0,
})

/**
 * Throws unless an answer is one that the OpenAPI document tells of: its path and method, status, headers and
 * body. Fields that the document does not name are refused, too.
 */
export type CheckAnswer = (request: Request, answer: Answer) => void

const createChecker = (document: OpenApiDocument): CheckAnswer => {
  const { paths, components } = document
  const router = new Memoirist<Record<string, Operation>>()
  for (const [path, operations] of Object.entries(paths))
    router.add('ANY', path.replaceAll(/\{(\w+)\}/g, ':$1'), operations)
  for (const schema of Object.values(components.schemas))
    if (schema.type === 'object') Object.assign(schema, { additionalProperties: false })

  const ajv = new Ajv({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema(document, 'document')
  const validators = new Map<object, ValidateFunction>()
  const validatorOf = (schema: object): ValidateFunction => {
    const text = JSON.stringify(schema).replaceAll('"#/', '"document#/')
    const validate = validators.get(schema) ?? ajv.compile(JSON.parse(text))
    validators.set(schema, validate)
    return validate
  }

  /** What a refusal may be where the document has no operation: of a path that is not there, say. */
  const refusal = (status: number): ResponseObject | undefined => {
    const [operation] = Object.values(paths['/api/{user_id}/tasks'] ?? {})
    return operation?.responses[[401, 403].includes(status) ? status : '4XX']
  }

  /** What there is at a path; `/api/tasks/…` and `/api/auth/…` never name a user. */
  const operationsAt = (path: string): Record<string, Operation> | undefined => {
    const found = router.find('ANY', path.length > 1 ? path.replace(/\/$/, '') : path)
    return ['tasks', 'auth'].includes(found?.params.user_id ?? '') ? undefined : found?.store
  }

  const responseFor = (method: string, path: string, status: number): ResponseObject | undefined => {
    const operations = operationsAt(path)
    const operation = operations?.[(method === 'HEAD' ? 'GET' : method).toLowerCase()]
    if (operation) {
      kept.operationsChecked ??= new Set()
      kept.operationsChecked.add(operation.operationId)
      return operation.responses[status]
    }
    const allowed = [401, 403, operations ? 405 : 404]
    return allowed.includes(status) ? refusal(status) : undefined
  }

  const headerFaults = (response: ResponseObject, headers: Headers): string[] => {
    const faults: string[] = []
    const named = new Set(Object.keys(response.headers).map((name) => name.toLowerCase()))
    for (const [name] of headers)
      if (!GENERAL_HEADERS.has(name) && !named.has(name)) faults.push(`header ${name} is not documented`)
    for (const name of Object.keys(response.headers)) {
      const header = components.headers[name]
      const value = headers.get(name)
      if (value === null && header?.required) faults.push(`header ${name} is missing`)
      if (value !== null && !new RegExp(header?.schema.pattern ?? '', 'u').test(value))
        faults.push(`header ${name} is not as documented`)
    }
    return faults
  }

  const bodyFaults = ({ content }: ResponseObject, { headers, text, json }: Answer): string[] => {
    const type = headers.get('content-type')?.split(';')[0]
    if (!content) return text === '' && type === undefined ? [] : ['there is a body']
    const media = content[type ?? '']
    if (!media) return [`content type ${type} is not documented`]
    const validate = validatorOf(media.schema)
    if (validate(json ?? text)) return []
    return (validate.errors ?? []).map(
      (error) => `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`,
    )
  }

  return (request, answer) => {
    const { pathname } = new URL(request.url)
    if (isUndocumented(pathname) || request.headers.has('access-control-request-method')) return
    kept.answersChecked = (kept.answersChecked ?? 0) + 1
    const response = responseFor(request.method, pathname, answer.status)
    const faults = response
      ? [
          ...headerFaults(response, answer.headers),
          ...(request.method === 'HEAD' ? [] : bodyFaults(response, answer)),
        ]
      : ['the document has no such status there']
    if (faults.length === 0) return
    throw new Error(
      `${request.method} ${pathname} answered ${answer.status}, not as in the OpenAPI document:\n` +
        `${faults.join('\n')}\n${answer.text}`,
    )
  }
}

/** The check of an app's answers; apps with the same document share it. */
export const answerChecker = async (app: App, options: OpenApiOptions): Promise<CheckAnswer> => {
  const document = await openApiDocument(app, options)
  const key = JSON.stringify(document)
  kept.answerCheckers ??= new Map()
  const checker = kept.answerCheckers.get(key) ?? createChecker(JSON.parse(key))
  kept.answerCheckers.set(key, checker)
  return checker
}
