import { afterAll, beforeAll, expect, test } from 'bun:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { openBrowser, screenshot } from './browser.ts'
import { devices, newPerson, password, tokenOf } from './person.ts'
import { bundleRecipe, importText } from './readme.ts'
import { buildExample, type Stack, startStack } from './stack.ts'

/** The front end and the API with one secret and nothing else in common: neither has a database server. */

let browser: Awaited<ReturnType<typeof openBrowser>>
let stack: Stack

beforeAll(async () => {
  browser = await openBrowser()
  stack = await startStack('shared-secret', { hasPostgres: false })
}, 600_000)

afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

test('tasks are added, completed and found again, by two people, with no key set published', async () => {
  const people = await Promise.all([
    newPerson(browser.newProfile(devices.phone), stack, 'ada'),
    newPerson(browser.newProfile(devices.desk), stack, 'ben'),
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
  const victim = await newPerson(browser.newProfile(devices.desk), stack, 'victim')
  const signup = await fetch(`${stack.api.url}/api/auth/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  const { access_token } = (await signup.json()) as { access_token: string }

  for (const token of [access_token, await tokenOf(victim)]) {
    const verification = await fetch(`${stack.frontEnd.url}/api/auth/verify-email?token=${token}`)
    expect(verification.ok).toBe(false)
    expect(Object.keys(decodeJwt(token))).not.toContain('email')
  }
  const session = await victim.profile.request.get(`${stack.frontEnd.url}/api/auth/get-session`)
  expect((await session.json()).user).toMatchObject({ email, emailVerified: false })
})

test('the README’s recipe for React Native signs in with the service’s own account, lists and adds', async () => {
  const { listTasks, addTask, signIn } = await importText(
    await bundleRecipe({
      heading: 'In React Native, with Expo',
      apiUrl: stack.api.url,
      app: await buildExample(),
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

test('in all of this the browser asked nothing of another host than localhost', () => {
  expect(browser.outside).toEqual([])
})
