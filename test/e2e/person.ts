import type { BrowserContext, Page } from 'playwright-core'
import { eventually } from './eventually.ts'

/** The password of everybody here. */
export const password = 'correct horse battery'

/**
 * Somebody at the page, who finds things as people do: by what they are called and do.
 * `tokens` are the bearer tokens that the page has sent to the API, oldest first, and `statuses` the
 * API's answers, in the order of their arrival.
 */
export interface Person {
  email: string
  page: Page
  tokens: string[]
  statuses: number[]
  signUp(): Promise<void>
  signIn(): Promise<void>
  signOut(): Promise<void>
  add(title: string): Promise<void>
  openEditor(title: string): Promise<void>
  /** Awaits the signed-in page with these tasks, newest first, and nothing else in its list. */
  sees(...titles: string[]): Promise<void>
  /** Awaits this error, beside whatever it belongs to, and no other. */
  isTold(detail: string): Promise<void>
  isToldNothing(): Promise<void>
}

/** Opens the page of the example at `origin` in a new tab of this profile. */
export async function visit(profile: BrowserContext, origin: string, apiUrl: string, name: string) {
  const page = await profile.newPage()
  const email = `${name}@example.com`
  const tokens: string[] = []
  const statuses: number[] = []

  page.on('request', (request) => {
    const token = request.headers().authorization?.replace('Bearer ', '')
    if (token && tokens.at(-1) !== token) tokens.push(token)
  })
  page.on('response', (response) => {
    if (response.url().startsWith(apiUrl)) statuses.push(response.status())
  })

  const button = (text: string) => page.getByRole('button', { name: text, exact: true })

  const alerts = async () => (await page.getByRole('alert').allInnerTexts()).filter((text) => text !== '')

  async function enterCredentials(action: string) {
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill(password)
    await button(action).click()
  }

  const person: Person = {
    email,
    page,
    tokens,
    statuses,
    signUp: () => enterCredentials('Create account'),
    signIn: () => enterCredentials('Sign in'),
    signOut: () => button('Sign out').click(),
    async add(title) {
      await page.getByLabel('New task').fill(title)
      await button('Add').click()
    },
    async openEditor(title) {
      await button(`Edit ${title}`).click()
      await page.getByRole('dialog', { name: 'Edit task' }).waitFor()
    },
    async sees(...titles) {
      await page.getByText(titles.length ? /\d+ to do, \d+ done/ : 'Nothing here yet').waitFor()
      await eventually(() => page.getByRole('listitem').locator('label').allInnerTexts(), titles)
    },
    isTold: (detail) => eventually(alerts, [detail]),
    isToldNothing: () => eventually(alerts, []),
  }
  await page.goto(origin)
  return person
}
