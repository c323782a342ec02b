import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { openBrowser, screenshot } from './browser.ts'
import { eventually } from './eventually.ts'
import { newPerson, password, tokenOf } from './person.ts'
import { bundleRecipe, importText } from './readme.ts'
import { type Stack, startStack } from './stack.ts'

/** The front end and the API with one secret, and nothing else in common. */

let browser: Awaited<ReturnType<typeof openBrowser>>
let stack: Stack

beforeAll(async () => {
  browser = await openBrowser()
  stack = await startStack('shared-secret')
}, 600_000)

afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

test('tasks are added, completed and found again, by two people, with no key set published', async () => {
  const people = await Promise.all([
    newPerson(browser.newProfile({ viewport: { width: 360, height: 740 } }), stack, 'ada'),
    newPerson(browser.newProfile(), stack, 'ben'),
  ])
  await Promise.all(
    people.map(async (person) => {
      await person.add(`Task of ${person.email}`)
      await person.box(`Task of ${person.email}`).check()
      await person.page.reload()
      await person.sees(`Task of ${person.email}`)
      await person.reads('Accounts are kept in memory')
    }),
  )
  const [ada] = people
  await screenshot(ada.page, '14-shared-secret')
  expect(decodeProtectedHeader(ada.tokens.at(-1) ?? '').alg).toBe('HS256')
  expect((await fetch(`${stack.frontEnd.url}/api/auth/jwks`)).status).toBe(404)
})

test('neither the API’s nor the front end’s tokens prove an email address to Better Auth', async () => {
  const email = 'victim@example.com'
  const victim = await newPerson(browser.newProfile(), stack, 'victim')
  const signup = await fetch(`${stack.api.url}/api/auth/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  const { access_token } = (await signup.json()) as { access_token: string }

  for (const token of [access_token, await tokenOf(victim, stack)]) {
    const verification = await fetch(`${stack.frontEnd.url}/api/auth/verify-email?token=${token}`)
    expect(verification.ok).toBe(false)
    expect(Object.keys(decodeJwt(token))).not.toContain('email')
  }
  const session = await victim.profile.request.get(`${stack.frontEnd.url}/api/auth/get-session`)
  expect((await session.json()).user).toMatchObject({ email, emailVerified: false })
})

describe('the README’s recipes', () => {
  test('in the browser: works, and keeps no token of whoever signed in before', async () => {
    const page = await (await browser.newProfile()).newPage()
    await page.goto(stack.frontEnd.url)
    const end = '\nObject.assign(globalThis, { authClient, tasks })'
    const recipe = { heading: 'In the browser', apiUrl: stack.api.url, target: 'browser', end } as const
    await page.evaluate(await bundleRecipe(recipe))
    const signUp = (email: string) =>
      page.evaluate(`authClient.signUp.email({ name: 'Sam', email: '${email}', password: '${password}' })`)
    const titles = () =>
      page.evaluate(`tasks.GET('/api/tasks').then(({ data }) => data.map((task) => task.title))`)

    await signUp('sam@example.com')
    const added = `tasks.POST('/api/tasks', { body: { title: 'Copied' } }).then(({ response }) => response.status)`
    expect(await page.evaluate(added)).toBe(201)
    expect(await titles()).toEqual(['Copied'])
    await page.evaluate('authClient.signOut()')
    await signUp('tess@example.com')
    // Better Auth's client tells of a change of session some milliseconds after it.
    await eventually(titles, [])
  })

  test('in a server component: renders the tasks of whoever asks', async () => {
    const uma = await newPerson(browser.newProfile(), stack, 'uma')
    await uma.add('Rendered on the server')
    await uma.box('Rendered on the server').waitFor()
    const cookies = await uma.profile.cookies()
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
    const end = `\nexport const html = async () => renderToStaticMarkup(await Page())
import { renderToStaticMarkup } from 'react-dom/server'`
    const { html } = await importText(
      await bundleRecipe({
        heading: 'In a server component or route handler',
        apiUrl: stack.api.url,
        target: 'bun',
        end,
        modules: {
          'next/headers': `export const headers = async () => new Headers({ cookie: ${JSON.stringify(cookie)} })`,
          '@/lib/auth': `export const auth = { api: { getToken: async (init) =>
            (await fetch('${stack.frontEnd.url}/api/auth/token', init)).json() } }`,
        },
      }),
    )
    expect(await html()).toBe('<ul><li>Rendered on the server</li></ul>')
  })

  test('in React Native: signs in with the service’s own account, lists and adds', async () => {
    const { listTasks, addTask, signIn } = await importText(
      await bundleRecipe({
        heading: 'In React Native, with Expo',
        apiUrl: stack.api.url,
        target: 'bun',
        modules: {
          'expo-secure-store': `const items = new Map()
            export const getItemAsync = async (name) => items.get(name) ?? null
            export const setItemAsync = async (name, value) => void items.set(name, value)
            export const deleteItemAsync = async (name) => void items.delete(name)`,
        },
      }),
    )
    const email = 'vic@example.com'
    await fetch(`${stack.api.url}/api/auth/signup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email, password }),
    })
    expect(await signIn(email, 'not the password').catch((error: Error) => error.message)).toBe(
      'Invalid email or password',
    )
    await signIn(email, password)
    await addTask('From a phone')
    expect((await listTasks()).map(({ title }: { title: string }) => title)).toEqual(['From a phone'])
  })
})

test('in all of this the browser asked nothing of another host than localhost', () => {
  expect(browser.outside).toEqual([])
})
