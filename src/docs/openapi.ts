import { swagger } from '@elysiajs/swagger'
import type { AnyElysia } from 'elysia'
import {
  type OperationNotes,
  pathParameters,
  type ReplyNotes,
  type RequestHeader,
  requestHeaders,
  responseHeaders,
  tags,
} from '../http/notes.ts'
import { Problem } from '../http/problem.ts'
import { errorReplies, errorsOf, headerReferences, type PluginOperation } from './error-replies.ts'
import { type Json, schemaRewriter } from './schema-rewriter.ts'

export interface OpenApiOptions {
  version: string
  validationErrorStatus: 400 | 422
}

const DESCRIPTION = `Tasks of many users, each seeing only their own.

Everything under \`/api\` but signing up and in needs \`Authorization: Bearer <JWT>\`. Errors are
\`application/problem+json\` (RFC 9457) with a stable \`code\`. Unknown fields and query parameters are
ignored; an empty query parameter counts as absent. \`HEAD\` works wherever \`GET\` does.`

const JSON_TYPES = ['application/json']
const PATCH_TYPES = [...JSON_TYPES, 'application/merge-patch+json']

const TOKEN_SOURCES =
  'A JWT, without `Bearer`: from the front end that people sign in to; from `signUp` or `logIn` below, where those ' +
  'exist; or, for trying this service, from `bun run token <user-id>` beside it. The browser keeps it over a reload, ' +
  'until "Logout".'

/** The parts of the plugin's document that this file uses. */
interface PluginDocument {
  info: Json
  paths: Record<string, Record<string, PluginOperation>>
}

/**
 * Generates the OpenAPI document of an app from its routes' schemas.
 *
 * The plugin runs in a separate app, because in the main one it would add a page that loads scripts from a CDN. It describes
 * paths, parameters, bodies and successful replies. Errors, headers and examples are derived from each operation here.
 * Written by hand, they would be 19 copies of the same table.
 */
export const openApiDocument = async (app: AnyElysia, options: OpenApiOptions): Promise<Json> => {
  const plugin = swagger({
    path: '/',
    specPath: '/openapi.json',
    excludeStaticFile: false,
    documentation: { info: { title: 'todo-backend', description: DESCRIPTION, version: options.version } },
  })
  // As `app.use(plugin)` does it.
  Object.assign(plugin, { getGlobalRoutes: () => app.routes })
  const answer = await plugin.handle(new Request('http://localhost/openapi.json'))
  return complete((await answer.json()) as PluginDocument, options)
}

const complete = (document: PluginDocument, { validationErrorStatus }: OpenApiOptions): Json => {
  const { schemas, rewrite } = schemaRewriter()
  const errors = errorReplies(rewrite(Problem), validationErrorStatus)

  const reply = (generated: Json | undefined, notes: ReplyNotes): Json => {
    const { content, ...rest } = generated ?? {}
    const [media] = Object.values((content ?? {}) as Record<string, { schema: Json }>)
    const { description, headers = [], example, contentType = 'application/json' } = notes
    return {
      description,
      headers: headerReferences(['X-Request-Id', ...headers]),
      // The plugin leaves the schema's keywords beside its content.
      ...(media && {
        content: {
          [contentType]: {
            schema: rewrite({ ...rest, ...media.schema }),
            ...(example !== undefined && { example }),
          },
        },
      }),
    }
  }

  const body = (
    generated: { content: Record<string, { schema: Json }> },
    notes: OperationNotes['x-notes'],
    types: string[],
  ) => {
    const [media] = Object.values(generated.content)
    const examples = Object.entries(notes.bodies ?? {}).map(([name, value]) => [
      name.replaceAll(' ', '-'),
      { summary: name, value },
    ])
    return {
      required: !notes.optionalBody,
      content: Object.fromEntries(
        types.map((type) => [
          type,
          {
            schema: rewrite(media?.schema ?? {}),
            ...(examples.length > 0 && { examples: Object.fromEntries(examples) }),
          },
        ]),
      ),
    }
  }

  const operation = (path: string, method: string, generated: PluginOperation): Json => {
    const { 'x-notes': notes, parameters = [], responses, requestBody, ...rest } = generated
    const ofNamedUser = path.startsWith('/api/{user_id}/')
    const headers: RequestHeader[] = [...(notes.requestHeaders ?? []), 'X-Request-Id']
    return {
      ...rest,
      ...(ofNamedUser && { operationId: `${rest.operationId}OfUser`, tags: ['tasks by user'] }),
      parameters: [
        ...parameters.map(({ schema, ...parameter }) => ({
          ...pathParameters[parameter.name as string],
          ...parameter,
          schema: rewrite(schema as Json),
        })),
        ...headers.map((name) => ({ $ref: `#/components/parameters/${name}` })),
      ],
      ...(requestBody && {
        requestBody: body(requestBody, notes, method === 'patch' ? PATCH_TYPES : JSON_TYPES),
      }),
      responses: {
        ...Object.fromEntries(
          Object.entries(notes.replies).map(([status, note]) => [status, reply(responses[status], note)]),
        ),
        ...errors(errorsOf(path, generated)),
      },
    }
  }

  return {
    openapi: '3.0.3',
    info: { ...document.info, license: { name: 'MIT', url: 'https://opensource.org/license/mit' } },
    servers: [{ url: '/', description: 'This service' }],
    security: [{ bearer: [] }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(
      Object.entries(document.paths).map(([path, methods]) => [
        path,
        Object.fromEntries(
          Object.entries(methods).map(([method, generated]) => [method, operation(path, method, generated)]),
        ),
      ]),
    ),
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: TOKEN_SOURCES,
        },
      },
      parameters: Object.fromEntries(
        Object.entries(requestHeaders).map(([name, parameter]) => [
          name,
          { name, in: 'header', ...parameter },
        ]),
      ),
      headers: responseHeaders,
      schemas,
    },
  }
}
