import { Elysia, type Static, t } from 'elysia'
import { AppError } from '../errors.ts'
import { readingConditions } from '../http/etag.ts'
import type { OperationNotes } from '../http/notes.ts'
import { prepareAsset, sendAsset } from './assets.ts'
import { ASSETS_PATH, CONTENT_SECURITY_POLICY, prepareDocsPage } from './page.ts'

export interface DocsOptions {
  name: string
  version: string
  /** Makes the OpenAPI document. Called once, at the first request for it. */
  openApiDocument: () => Promise<object>
}

const Links = t.Object({
  documentation: t.String(),
  openapi: t.String(),
  health: t.String(),
  ready: t.String(),
  tasks: t.String(),
})

const links: Static<typeof Links> = {
  documentation: '/docs',
  openapi: '/openapi.json',
  health: '/health',
  ready: '/health/ready',
  tasks: '/api/tasks',
}

const index: OperationNotes = {
  operationId: 'getIndex',
  tags: ['service'],
  summary: 'What is here?',
  security: [],
  'x-notes': {
    replies: {
      200: { description: 'The way to the rest', example: { name: 'todo-backend', version: '1.1.0', links } },
    },
  },
}

const openApi: OperationNotes = {
  operationId: 'getOpenApi',
  tags: ['service'],
  summary: 'This document',
  security: [],
  'x-notes': {
    requestHeaders: ['If-None-Match'],
    replies: {
      200: { description: 'OpenAPI 3.0', headers: ['ETag'] },
      304: { description: 'The client’s copy is good', headers: ['ETag'] },
    },
  },
}

const page: OperationNotes = {
  operationId: 'getDocumentation',
  tags: ['service'],
  summary: 'This document as a page',
  security: [],
  'x-notes': { replies: { 200: { description: 'A page', contentType: 'text/html' } } },
}

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

/**
 * The service's documentation: an index, the OpenAPI document and a page that shows it. It is public, and prepared at the
 * first request, because most processes never get one.
 */
export const docs = ({ name, version, openApiDocument }: DocsOptions) => {
  const preparedDocument = once(async () =>
    prepareAsset(Buffer.from(JSON.stringify(await openApiDocument())), 'application/json'),
  )
  const preparedPage = once(() => prepareDocsPage(`${name} API`))

  return new Elysia()
    .get('/', () => ({ name, version, links }), {
      response: t.Object({ name: t.String(), version: t.String(), links: Links }, { title: 'Index' }),
      detail: index,
    })

    .get(
      '/openapi.json',
      async ({ request, set }) => {
        const decide = readingConditions(request)
        const asset = await preparedDocument()
        // Weak, because it is the same for both encodings.
        set.headers.etag = `W/"${asset.fingerprint}"`
        set.headers['cache-control'] = 'no-cache'
        if (decide(asset.fingerprint) !== 'known') return sendAsset(asset, request, set.headers)
        set.status = 304
      },
      { response: { 200: t.NoValidate(t.Any({ type: 'object' })), 304: t.Void() }, detail: openApi },
    )

    .get(
      '/docs',
      async ({ set }) => {
        const { html } = await preparedPage()
        set.headers['content-type'] = 'text/html; charset=utf-8'
        set.headers['content-security-policy'] = CONTENT_SECURITY_POLICY
        set.headers['cache-control'] = 'no-cache'
        return html
      },
      { response: t.NoValidate(t.String()), detail: page },
    )

    .get(
      `${ASSETS_PATH}/:file`,
      async ({ params, request, set }) => {
        const asset = (await preparedPage()).assets.get(params.file)
        if (!asset) throw new AppError('not_found')
        // The name changes with the content.
        set.headers['cache-control'] = 'public, max-age=31536000, immutable'
        return sendAsset(asset, request, set.headers)
      },
      { detail: { hide: true } },
    )
}
