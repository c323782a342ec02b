import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { run } from '../support/run.ts'
import { openBrowser, screenshot } from './browser.ts'
import { eventually } from './eventually.ts'
import { type Person, password, visit } from './person.ts'
import { bundleReadme } from './readme.ts'
import { example, prepare, type Stack, startStack } from './stack.ts'

let browser: Awaited<ReturnType<typeof openBrowser>>

beforeAll(async () => {
  await prepare()
  browser = await openBrowser()
})

afterAll(() => browser?.close())

/** The API's answer to this token, past the page: its status, and its body whatever that is. */
async function askApi(stack: Stack, token: string, path = '/api/tasks') {
  const response = await fetch(stack.api.url + path, { headers: { authorization: `Bearer ${token}` } })
  // biome-ignore lint/suspicious/noExplicitAny: each test says what it expects in it
  return { status: response.status, body: (await response.json()) as any }
}

const lastToken = (person: Person) => person.tokens.at(-1) ?? ''

describe('Better Auth with its key set', () => {
  let stack: Stack

  beforeAll(async () => {
    stack = await startStack('key-set')
  }, 120_000)

  afterAll(() => stack?.stop())

  /** Somebody with a browser, and by default an account, of their own. */
  async function newPerson(name: string, profile = browser.newProfile()) {
    const person = await visit(await profile, stack.issuer.url, stack.api.url, name)
    await person.signUp()
    await person.sees()
    return person
  }

  test('two people use it at the same time, and neither reaches what is the other’s', async () => {
    const [ada, ben] = await Promise.all([newPerson('ada'), newPerson('ben')])
    await Promise.all([ada.add('Water the plants'), ben.add('Call the bank')])
    await ada.sees('Water the plants')
    await ben.sees('Call the bank')
    await Promise.all([ada.page.reload(), ben.page.reload()])
    await ada.sees('Water the plants')
    await ben.sees('Call the bank')

    const adasTask = (await askApi(stack, lastToken(ada))).body[0]
    const forBen = (path: string) => askApi(stack, lastToken(ben), path).then((answer) => answer.status)
    expect(await forBen(`/api/tasks/${adasTask.id}`)).toBe(404)
    expect(await forBen(`/api/${adasTask.user_id}/tasks`)).toBe(403)
    expect(decodeProtectedHeader(lastToken(ada)).alg).toBe('EdDSA')
  })

  test('a reload keeps the session and the tasks; signing out ends the one, signing in finds the other', async () => {
    const cleo = await newPerson('cleo')
    await cleo.add('Pack for the trip')
    await cleo.sees('Pack for the trip')
    await cleo.page.reload()
    await cleo.sees('Pack for the trip')

    await cleo.signOut()
    await cleo.page.getByRole('heading', { name: 'Welcome' }).waitFor()
    await screenshot(cleo.page, '01-signed-out')
    expect(await cleo.page.getByText('Pack for the trip').count()).toBe(0)

    await cleo.signIn()
    await cleo.sees('Pack for the trip')
  })

  test('a task is added, edited, completed, reopened and deleted, and each of these is stored', async () => {
    const dora = await newPerson('dora')
    await screenshot(dora.page, '02-empty')
    for (const title of ['Buy oats', 'Renew the passport', 'Write to grandmother']) {
      await dora.add(title)
      await dora.page.getByText(title).waitFor()
    }
    await dora.sees('Write to grandmother', 'Renew the passport', 'Buy oats')

    await dora.openEditor('Renew the passport')
    await dora.page.getByLabel('Title').fill('Renew both passports')
    await dora.page.getByLabel('Description').fill('Photos first.\nThe office closes at noon on Fridays.')
    await dora.page.getByLabel('Status').selectOption('In progress')
    await screenshot(dora.page, '03-editor')
    await dora.page.getByRole('button', { name: 'Save' }).click()
    await dora.page.getByRole('checkbox', { name: 'Buy oats' }).check()
    await dora.page.getByText('2 to do, 1 done').waitFor()
    await screenshot(dora.page, '04-tasks')

    await dora.page.reload()
    await dora.sees('Write to grandmother', 'Renew both passports', 'Buy oats')
    await dora.page.getByText('2 to do, 1 done').waitFor()
    await dora.page.getByText('The office closes at noon on Fridays.').waitFor()
    await dora.page.getByText('In progress').filter({ visible: true }).waitFor()

    await dora.page.getByRole('checkbox', { name: 'Buy oats' }).uncheck()
    await dora.page.getByText('3 to do, 0 done').waitFor()
    await dora.openEditor('Write to grandmother')
    await dora.page.getByRole('button', { name: 'Delete' }).click()
    await dora.sees('Renew both passports', 'Buy oats')
    await dora.page.reload()
    await dora.sees('Renew both passports', 'Buy oats')
    await dora.page.getByText('2 to do, 0 done').waitFor()
  })

  test('everything can be done from the keyboard', async () => {
    const emil = await visit(await browser.newProfile(), stack.issuer.url, stack.api.url, 'emil')
    const { keyboard } = emil.page
    const focused = (role: 'button' | 'checkbox' | 'textbox', name: string) =>
      eventually(
        () => emil.page.getByRole(role, { name, exact: true }).evaluate((node) => node.matches(':focus')),
        true,
      )

    await emil.page.getByRole('heading', { name: 'Welcome' }).waitFor()
    await keyboard.press('Tab')
    await keyboard.type(emil.email)
    await keyboard.press('Tab')
    await keyboard.type(password)
    await keyboard.press('Tab')
    await keyboard.press('Tab')
    await focused('button', 'Create account')
    await keyboard.press('Enter')
    await emil.sees()

    await keyboard.press('Tab')
    await focused('button', 'Sign out')
    await keyboard.press('Tab')
    await keyboard.type('Feed the cat')
    await keyboard.press('Enter')
    await emil.sees('Feed the cat')
    await focused('textbox', 'New task')
    for (const stop of ['Add', 'Refresh']) await keyboard.press('Tab').then(() => focused('button', stop))
    await keyboard.press('Tab')
    await focused('checkbox', 'Feed the cat')
    await screenshot(emil.page, '05-keyboard-focus')
    await keyboard.press('Space')
    await emil.page.getByText('0 to do, 1 done').waitFor()
    await focused('checkbox', 'Feed the cat')

    await keyboard.press('Tab')
    await focused('button', 'Edit Feed the cat')
    await keyboard.press('Enter')
    await focused('textbox', 'Title')
    await keyboard.press('Escape')
    await focused('button', 'Edit Feed the cat')
    await keyboard.press('Enter')
    await focused('textbox', 'Title')
    for (const _ of ['Description', 'Status', 'Delete']) await keyboard.press('Tab')
    await focused('button', 'Delete')
    await keyboard.press('Enter')
    await emil.sees()
    await focused('textbox', 'New task')
  })

  test('it fits a phone, and follows the system into the dark', async () => {
    const profile = browser.newProfile({ viewport: { width: 320, height: 640 }, colorScheme: 'dark' })
    const finn = await newPerson('finn', profile)
    await finn.add('A title with averyveryverylongwordthatfitsnoscreenandhasnoplacetobreakatall')
    await finn.add('Repair the bicycle')
    await finn.page.getByRole('checkbox', { name: 'Repair' }).check()
    await finn.page.getByText('1 to do, 1 done').waitFor()
    await screenshot(finn.page, '06-phone-dark')
    await finn.openEditor('Repair the bicycle')
    await screenshot(finn.page, '07-phone-dark-editor')
    const overflow = finn.page.locator('html').evaluate((node) => node.scrollWidth - node.clientWidth)
    expect(await overflow).toBe(0)
  })

  test('what the API refuses is told in its own words, and what was typed stays', async () => {
    const gwen = await newPerson('gwen')
    const refusal = gwen.page.waitForResponse((response) => response.status() === 400)
    await gwen.add('   ')
    const { detail } = await (await refusal).json()
    expect(detail).toBeString()
    await gwen.isTold(detail)
    await screenshot(gwen.page, '08-validation-error')

    await gwen.add('Sharpen the pencils')
    await gwen.sees('Sharpen the pencils')
    await gwen.isToldNothing()
    await gwen.openEditor('Sharpen the pencils')
    const tooLong = 'x'.repeat(201)
    await gwen.page.getByLabel('Title').fill(tooLong)
    const secondRefusal = gwen.page.waitForResponse((response) => response.status() === 400)
    await gwen.page.getByRole('button', { name: 'Save' }).click()
    await gwen.isTold((await (await secondRefusal).json()).detail)
    expect(await gwen.page.getByLabel('Title').inputValue()).toBe(tooLong)
    await screenshot(gwen.page, '09-validation-error-in-editor')
  })

  test('a change made elsewhere in the meantime is not overwritten', async () => {
    const profile = browser.newProfile()
    const hugo = await newPerson('hugo', profile)
    await hugo.add('Book a table')
    await hugo.sees('Book a table')
    const elsewhere = await visit(await profile, stack.issuer.url, stack.api.url, 'hugo')
    await hugo.openEditor('Book a table')
    await elsewhere.page.getByRole('checkbox', { name: 'Book a table' }).check()
    await elsewhere.page.getByText('0 to do, 1 done').waitFor()

    await hugo.page.bringToFront()
    await hugo.page.getByLabel('Title').fill('Book a table for six')
    const refusal = hugo.page.waitForResponse((response) => response.status() === 412)
    await hugo.page.getByRole('button', { name: 'Save' }).click()
    await hugo.isTold((await (await refusal).json()).detail)
    await hugo.page.getByRole('button', { name: 'Cancel' }).click()
    await hugo.openEditor('Book a table')
    expect(await hugo.page.getByLabel('Status').inputValue()).toBe('completed')
  })

  test('a wrong password and a taken e-mail address are told', async () => {
    const ida = await newPerson('ida')
    await ida.signOut()
    await ida.signUp()
    await ida.isTold('User already exists. Use another email.')
    await ida.page.getByLabel('Password').fill('not the password')
    await ida.page.getByRole('button', { name: 'Sign in' }).click()
    await ida.isTold('Invalid email or password')
    await screenshot(ida.page, '10-wrong-password')
  })

  test('while the API is down that is told, and once it is back the same click succeeds', async () => {
    const jona = await newPerson('jona')
    await jona.add('First')
    await jona.sees('First')
    const unreachable = `${new URL(stack.api.url).host} cannot be reached. Try again in a moment.`

    await stack.api.stop()
    await jona.add('Second')
    await jona.isTold(unreachable)
    await jona.page.getByRole('checkbox', { name: 'First' }).click()
    await eventually(() => jona.page.getByRole('alert').filter({ hasText: unreachable }).count(), 2)
    expect(await jona.page.getByRole('checkbox', { name: 'First' }).isChecked()).toBe(false)
    expect(await jona.page.getByLabel('New task').inputValue()).toBe('Second')
    await screenshot(jona.page, '11-api-down')

    await stack.api.start()
    await jona.page.getByRole('button', { name: 'Add' }).click()
    await jona.sees('Second', 'First')
    await jona.page.getByRole('checkbox', { name: 'First' }).check()
    await jona.page.getByText('1 to do, 1 done').waitFor()
    await jona.isToldNothing()
    await jona.page.reload()
    await jona.sees('Second', 'First')
  })

  test('after a key rotation the API takes tokens of the new key, and those of the old one still', async () => {
    const kira = await newPerson('kira')
    await kira.add('Before the rotation')
    await kira.sees('Before the rotation')
    const oldToken = lastToken(kira)

    // Better Auth signs with a new key once the newest one has expired, and publishes both.
    const database = new Database(stack.issuerDatabase)
    database.run('update jwks set expiresAt = ?', [new Date().toISOString()])
    database.close()
    await kira.page.reload()
    await eventually(() => kira.tokens.length, 2)
    const newToken = lastToken(kira)
    expect(decodeProtectedHeader(newToken).kid).not.toBe(decodeProtectedHeader(oldToken).kid)

    // The API asks the issuer for an unknown key at most once in 10 s.
    await eventually(async () => (await askApi(stack, newToken)).status, 200)
    expect((await askApi(stack, oldToken)).status).toBe(200)
    await kira.page.reload()
    await kira.sees('Before the rotation')
    await kira.add('After the rotation')
    await kira.sees('After the rotation', 'Before the rotation')
  })

  test('with the issuer stopped, tokens in hand work until they expire; that is told until it is back', async () => {
    const liam = await newPerson('liam')
    await stack.issuer.stop()
    await liam.add('Nobody here but the API')
    await liam.sees('Nobody here but the API')

    await liam.page.clock.setFixedTime(Date.now() + 16 * 60_000)
    await liam.page.getByRole('button', { name: 'Refresh' }).click()
    await liam.isTold(`${new URL(stack.issuer.url).host} cannot be reached. Try again in a moment.`)
    await stack.issuer.start()
    await liam.page.getByRole('button', { name: 'Refresh' }).click()
    await liam.isToldNothing()
    expect(liam.tokens).toHaveLength(2)
  })

  test('the lines that the README gives to copy work, and keep no token of whoever signed in before', async () => {
    const page = await (await browser.newProfile()).newPage()
    await page.goto(stack.issuer.url)
    await page.evaluate(await bundleReadme(stack.api.url))
    const signUp = (email: string) =>
      page.evaluate(`authClient.signUp.email({ name: 'Sam', email: '${email}', password: '${password}' })`)
    const titles = () =>
      page.evaluate(
        `tasksApi('/api/tasks').then(async (answer) => (await answer.json()).map((task) => task.title))`,
      )

    await signUp('sam@example.com')
    const body = JSON.stringify({ title: 'Copied and pasted' })
    const added = `tasksApi('/api/tasks', { method: 'POST', body: '${body}' }).then((answer) => answer.status)`
    expect(await page.evaluate(added)).toBe(201)
    expect(await titles()).toEqual(['Copied and pasted'])

    await page.evaluate('authClient.signOut()')
    await signUp('tess@example.com')
    // Better Auth's client tells of a change of session some milliseconds after it.
    await eventually(titles, [])
  })

  describe('with tokens that live for a second', () => {
    beforeAll(async () => {
      await stack.issuer.stop()
      await stack.issuer.start({ TOKEN_LIFETIME: '1s' })
    })

    afterAll(async () => {
      await stack.issuer.stop()
      await stack.issuer.start()
    })

    const expired = (token: string) => (decodeJwt(token).exp ?? 0) * 1000 <= Date.now()

    test('an expired token is renewed before the page sends it', async () => {
      const mona = await newPerson('mona')
      const first = lastToken(mona)
      await eventually(() => expired(first), true)
      await mona.add('Still signed in')
      await mona.sees('Still signed in')
      expect(mona.tokens).toHaveLength(2)
      expect(mona.statuses).not.toContain(401)
    })

    test('a token that the API calls expired is renewed, and the request repeated', async () => {
      const nils = await newPerson('nils')
      const first = lastToken(nils)
      // To the page it is still the moment of the first token: only the API can tell.
      await nils.page.clock.setFixedTime(Date.now() - 60_000)
      await eventually(async () => (await askApi(stack, first)).body.code, 'token_expired')
      await nils.add('Still signed in')
      await nils.sees('Still signed in')
      await nils.isToldNothing()
      expect(nils.tokens).toHaveLength(2)
      expect(nils.statuses).toContain(401)
    })

    test('a session that has ended leads back to the sign-in form', async () => {
      const profile = await browser.newProfile()
      const olga = await newPerson('olga', Promise.resolve(profile))
      const token = lastToken(olga)
      await profile.clearCookies()
      await eventually(() => expired(token), true)
      await olga.page.getByRole('button', { name: 'Refresh' }).click()
      await olga.page.getByRole('heading', { name: 'Welcome' }).waitFor()
    })

    test('a tab left open by one person never acts for the next', async () => {
      const profile = browser.newProfile()
      const paul = await newPerson('paul', profile)
      await paul.add('Secret of Paul')
      await paul.sees('Secret of Paul')
      const nextTab = await visit(await profile, stack.issuer.url, stack.api.url, 'quinn')
      await nextTab.signOut()
      await nextTab.signUp()
      await nextTab.sees()

      await paul.page.bringToFront()
      const token = lastToken(paul)
      await eventually(() => expired(token), true)
      await paul.add('For Paul only')
      await paul.page.getByText(nextTab.email).waitFor()
      await paul.sees()
    })
  })
})

describe('Better Auth with HS256 and the shared secret', () => {
  let stack: Stack

  beforeAll(async () => {
    stack = await startStack('shared-secret')
  }, 120_000)

  afterAll(() => stack?.stop())

  test('tasks are added and found again, with no key set published', async () => {
    const rosa = await visit(await browser.newProfile(), stack.issuer.url, stack.api.url, 'rosa')
    await rosa.signUp()
    await rosa.sees()
    await rosa.add('One secret for both')
    await rosa.page.getByRole('checkbox', { name: 'One secret for both' }).check()
    await rosa.page.getByText('0 to do, 1 done').waitFor()
    await rosa.page.reload()
    await rosa.sees('One secret for both')
    expect(decodeProtectedHeader(lastToken(rosa)).alg).toBe('HS256')
    expect((await fetch(`${stack.issuer.url}/api/auth/jwks`)).status).toBe(404)
  })
})

test('the example passes the type checker', async () => {
  expect(await run([process.execPath, 'x', 'tsc', '--noEmit', '--project', example])).toBe('')
})

test('in all of this the browser asked nothing of another host than localhost', () => {
  expect(browser.outside).toEqual([])
})
