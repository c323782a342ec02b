import { expect } from 'bun:test'
import { join } from 'node:path'
import axe from 'axe-core'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { artifacts } from './stack.ts'

/**
 * The system's Chromium. Every host but localhost fails to resolve, and what was asked of others is
 * kept in `outside`. Playwright's own interception would be the shorter way, but with it switched on
 * Playwright answers CORS preflights itself, and the API's would go untested.
 */
export async function openBrowser() {
  const outside: string[] = []
  const browser = await chromium.launch({
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
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost',
    ],
  })

  /** A profile of its own, as a second person on another machine has it. */
  async function newProfile(options: Parameters<typeof browser.newContext>[0] = {}): Promise<BrowserContext> {
    const context = await browser.newContext({ viewport: { width: 900, height: 720 }, ...options })
    context.setDefaultTimeout(15_000)
    context.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url())
      if (protocol !== 'data:' && hostname !== 'localhost') outside.push(request.url())
    })
    return context
  }

  return { newProfile, outside, close: () => browser.close() }
}

/** Keeps what the page looks like now, for people to look at, and holds it against axe's rules. */
export async function screenshot(page: Page, name: string) {
  await page.screenshot({ path: join(artifacts, `${name}.png`), fullPage: true })
  // Evaluated, because the page's policy lets no other script in.
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { html: string }[] }[]
  }
  expect(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)])).toEqual([])
}
