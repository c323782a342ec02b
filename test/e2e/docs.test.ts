import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { type Service, startService } from '../support/process.ts'
import { signToken } from '../support/token.ts'

const SECRET = 'a-secret-that-only-the-tests-know-0123456789'

let service: Service
let browser: Browser

beforeAll(async () => {
  ;[service, browser] = await Promise.all([
    startService({ BETTER_AUTH_SECRET: SECRET, ENVIRONMENT: 'test' }),
    chromium.launch({
      executablePath: process.env.CHROMIUM ?? Bun.which('chromium') ?? '/usr/bin/chromium',
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        // Nothing but this machine can be reached.
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost',
      ],
    }),
  ])
  await service.ready()
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await service?.stop()
})

/** The documentation page, and all that went wrong on it. */
const openDocs = async (): Promise<{ page: Page; troubles: string[] }> => {
  const troubles: string[] = []
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 } })
  page.setDefaultTimeout(15_000)
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(message.text())
  })
  page.on('pageerror', (error) => troubles.push(String(error)))
  page.on('requestfailed', (request) => troubles.push(`failed: ${request.url()}`))
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url())
    if (protocol !== 'data:' && hostname !== 'localhost') troubles.push(`asked elsewhere: ${request.url()}`)
  })
  await page.goto(`http://localhost:${service.port}/docs`)
  await page.locator('.opblock').first().waitFor()
  return { page, troubles }
}

const screenshot = (page: Page, name: string) =>
  page.screenshot({ path: join(import.meta.dir, 'artifacts', `${name}.png`) })

/** Runs in the page: an inline script, and a request to another host. Text, because the types here know no DOM. */
const BREAK_THE_POLICY = `(async () => {
  const directives = []
  document.addEventListener('securitypolicyviolation', (event) => directives.push(event.violatedDirective))
  const script = document.createElement('script')
  script.textContent = 'window.isBroken = true'
  document.body.append(script)
  await fetch('http://localhost:1/').catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, 100))
  return { directives, isBroken: 'isBroken' in window }
})()`

describe('the documentation page, without the internet', () => {
  test('shows every operation of the document, and breaks nothing of its own policy', async () => {
    const { paths } = (await (await fetch(`${service.url}/openapi.json`)).json()) as { paths: object }
    const operations = Object.values(paths).flatMap(Object.keys)
    const { page, troubles } = await openDocs()

    expect(await page.locator('.opblock').count()).toBe(operations.length)
    await screenshot(page, 'docs')
    expect(troubles).toEqual([])
    await page.close()
  })

  test('its policy lets no inline script run and no other host be asked', async () => {
    const { page } = await openDocs()
    const broken = await page.evaluate(BREAK_THE_POLICY)
    expect(broken).toEqual({ directives: ['script-src-elem', 'connect-src'], isBroken: false })
    await page.close()
  })

  test('after "Authorize", "Try it out" creates a task, and lists it after a reload', async () => {
    const { page, troubles } = await openDocs()
    const token = signToken({ sub: 'reader', exp: Math.floor(Date.now() / 1000) + 600 }, SECRET)

    await page.locator('button.authorize').first().click()
    await page.locator('.modal-ux').getByText('bun run token').waitFor()
    await page.locator('.modal-ux input[type="text"]').fill(token)
    await page.locator('.modal-ux button.authorize').click()
    await page.locator('.modal-ux button.btn-done').click()

    const create = page.locator('#operations-tasks-createTask')
    await create.locator('.opblock-summary-control').click()
    await create.locator('.try-out__btn').click()
    expect(await create.locator('input[placeholder="Idempotency-Key"]').inputValue()).toBe('')
    await create.locator('textarea').fill('{"title": "Written on the documentation page"}')
    await create.locator('button.execute').click()
    await create.locator('.live-responses-table .response-col_status').getByText('201').waitFor()
    await create.locator('.live-responses-table').scrollIntoViewIfNeeded()
    await screenshot(page, 'docs-created')

    // The token is kept over a reload.
    await page.reload()
    await page.locator('button.authorize.locked').first().waitFor()
    // The page opens again what the address names: clicks before that may be undone.
    await create.locator('.try-out__btn').waitFor()
    const list = page.locator('#operations-tasks-listTasks')
    await list.locator('.opblock-summary-control').click()
    await list.locator('.try-out__btn').click()
    await list.locator('button.execute').click()
    await list.locator('.live-responses-table').getByText('Written on the documentation page').waitFor()
    await list.scrollIntoViewIfNeeded()
    await screenshot(page, 'docs-listed')
    expect(troubles).toEqual([])
    await page.close()
  })
})
