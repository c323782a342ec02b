import type { BrowserContext, Page } from 'playwright-core'
import { screenshot } from './browser.ts'
import { eventually } from './eventually.ts'
import type { Stack } from './stack.ts'

/** What people sit at. */
export const devices = {
  phone: { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
  desk: { viewport: { width: 1280, height: 800 } },
}
export type Device = keyof typeof devices

/** The password of everybody here. */
export const password = 'correct horse battery'

/**
 * Somebody at the page, who finds things as people do: by what they are called and do.
 * `tokens` are the bearer tokens that the page has sent to the API, oldest first, and `answers` the API's, in the
 * order of their arrival.
 */
export interface Person {
  name: string
  email: string
  page: Page
  profile: BrowserContext
  stack: Stack
  tokens: string[]
  answers: { method: string; status: number }[]
  /** With the form of the page. */
  signUp(): Promise<void>
  signIn(): Promise<void>
  signOut(): Promise<void>
  add(title: string): Promise<void>
  box(title: string): ReturnType<Page['getByRole']>
  press(button: string): Promise<void>
  openEditor(title: string): Promise<void>
  /** Awaits these tasks in the list, newest first, and no others. */
  sees(...titles: string[]): Promise<void>
  /** Awaits these errors, and no others. */
  isTold(...texts: string[]): Promise<void>
  /** Awaits a text on the page, or part of one. */
  reads(text: string): Promise<void>
  /** Keeps what the page looks like, and holds it against axe's rules; with keys only: the page is the same for both. */
  looksRight(name: string): Promise<void>
}

let addresses = 0

/** Makes an account for a profile, past the form, where Better Auth takes few from one address. */
export async function makeAccount(profile: BrowserContext, frontEnd: string, email: string) {
  const answer = await profile.request.post(`${frontEnd}/api/auth/sign-up/email`, {
    headers: { origin: frontEnd, 'x-forwarded-for': `10.0.0.${++addresses}` },
    data: { email, password, name: email },
  })
  if (!answer.ok()) throw new Error(`${email} got no account: ${await answer.text()}`)
}

/** Opens the page of the front end in a new tab of this profile. */
export async function visit(profile: BrowserContext, stack: Stack, name: string) {
  const { frontEnd, api } = stack
  const page = await profile.newPage()
  const email = `${name}@example.com`
  const tokens: string[] = []
  const answers: Person['answers'] = []

  page.on('request', (request) => {
    const token = request.headers().authorization?.replace('Bearer ', '')
    if (token && tokens.at(-1) !== token) tokens.push(token)
  })
  page.on('response', (response) => {
    if (response.url().startsWith(api.url))
      answers.push({ method: response.request().method(), status: response.status() })
  })

  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()

  async function enterCredentials() {
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill(password)
  }

  const person: Person = {
    name,
    email,
    page,
    profile,
    stack,
    tokens,
    answers,
    async signUp() {
      await press('Create an account')
      await enterCredentials()
      await press('Create account')
    },
    async signIn() {
      await enterCredentials()
      await press('Sign in')
    },
    signOut: () => press('Sign out'),
    async add(title) {
      await page.getByLabel('New task').fill(title)
      await press('Add')
    },
    box: (name) => page.getByRole('checkbox', { name, exact: true }),
    press,
    async openEditor(title) {
      await press(`Edit ${title}`)
      await page.getByRole('form', { name: 'Edit task' }).waitFor()
    },
    async sees(...titles) {
      await page.getByLabel('New task').waitFor()
      await eventually(() => page.getByRole('listitem').locator('.title').allInnerTexts(), titles)
    },
    isTold: (...texts) =>
      // The second is Next.js's own, for screen readers.
      eventually(() => page.locator('main [role=alert]').allInnerTexts(), texts),
    reads: (text) => page.getByText(text).first().waitFor(),
    async looksRight(shot) {
      if (stack.kind === 'key-set') await screenshot(page, `${shot}-${name}`)
    },
  }
  await page.goto(frontEnd.url)
  return person
}

/** Somebody with a browser profile and an account of their own, signed in. */
export async function newPerson(
  profile: BrowserContext | Promise<BrowserContext>,
  stack: Stack,
  name: string,
) {
  await makeAccount(await profile, stack.frontEnd.url, `${name}@example.com`)
  const person = await visit(await profile, stack, name)
  await person.page.getByLabel('New task').waitFor()
  return person
}

/** The API's answer to this token, past the page: its status, and its body whatever that is. */
export async function askApi(stack: Stack, token: string, path = '/api/tasks', init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const response = await fetch(stack.api.url + path, { ...init, headers })
  // biome-ignore lint/suspicious/noExplicitAny: each test says what it expects in it
  return { status: response.status, body: (await response.json()) as any }
}

/** A token of the person's, past the page. */
export const tokenOf = async ({ profile, stack }: Person): Promise<string> =>
  (await (await profile.request.get(`${stack.frontEnd.url}/api/auth/token`)).json()).token

/** The titles of the person's tasks as they are stored, newest first. */
export const titlesOf = async (person: Person): Promise<string[]> =>
  (await askApi(person.stack, await tokenOf(person))).body.map(({ title }: { title: string }) => title)
