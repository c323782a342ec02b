import { expect, test } from 'bun:test'
import { describeApi } from '../support/api.ts'

describeApi('what the service says about itself', ({ send, logged }) => {
  test('GET / gives its name, its version and the way to the rest', async () => {
    const { status, json } = await send('GET', '/')
    expect(status).toBe(200)
    expect(json.name).toBe('todo-backend')
    for (const path of ['documentation', 'openapi', 'health', 'ready'])
      expect((await send('GET', json.links[path])).status).toBe(200)
  })

  test('GET /docs is a page with nothing inline, under a policy that allows nothing inline', async () => {
    const page = await send('GET', '/docs')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toStartWith("default-src 'none'; script-src 'self';")
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe')
    expect(page.text).not.toMatch(/<style|<script(?! defer src=)| on\w+=| style=|https?:/)
  })

  test('what the page loads is here, named after its content and kept for good', async () => {
    const { text } = await send('GET', '/docs')
    const paths = [...text.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)].map(([, path = '']) => path)
    expect(paths).toHaveLength(5)
    for (const path of paths) {
      expect(path).toMatch(/-[0-9a-f]{16}\.(js|css|png)$/)
      const asset = await send('GET', path)
      expect(asset.status).toBe(200)
      expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      expect(asset.text.length).toBeGreaterThan(100)
    }
    const missing = await send('GET', '/docs/assets/start-0000000000000000.js')
    expect(missing.status).toBe(404)
  })

  test('they are logged like any other request', async () => {
    await send('GET', '/docs', { headers: { 'x-request-id': 'a-reader' } })
    expect(logged().filter((line) => line.request_id === 'a-reader')).toMatchObject([
      { message: 'request', method: 'GET', route: '/docs', status: 200 },
    ])
  })
})
