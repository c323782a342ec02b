import { describe, expect, test } from 'bun:test'
import { decodeProtectedHeader } from 'jose'
import { screenshot } from './browser.ts'
import { eventually } from './eventually.ts'
import { askApi, password, tokenOf, visit } from './person.ts'
import { bundleRecipe } from './readme.ts'
import { buildExample } from './stack.ts'
import { setStage, sideBySide } from './stage.ts'

/** What people do with the front end, with accounts and tasks in one database, and what it looks like. */

const { flow, jointFlow, newcomer, newProfile, outside, stacks, withBothKinds } = setStage()

jointFlow(
  'two people side by side each see and reach only what is theirs',
  'ada',
  async ([ada, ben], stack) => {
    await Promise.all([ada.add('Water the plants'), ben.add('Call the bank')])
    await Promise.all([ada.sees('Water the plants'), ben.sees('Call the bank')])
    await Promise.all([ada.box('Water the plants').waitFor(), ben.box('Call the bank').waitFor()])
    await Promise.all([ada.page.reload(), ben.page.reload()])
    await Promise.all([ada.sees('Water the plants'), ben.sees('Call the bank')])

    const [adasToken, bensToken] = await Promise.all([tokenOf(ada), tokenOf(ben)])
    const [adasTask] = (await askApi(stack, adasToken)).body
    expect((await askApi(stack, bensToken, `/api/tasks/${adasTask.id}`)).status).toBe(404)
    expect((await askApi(stack, bensToken, `/api/${adasTask.user_id}/tasks`)).status).toBe(403)
    expect(decodeProtectedHeader(adasToken).alg).toBe(stack.kind === 'key-set' ? 'EdDSA' : 'HS256')
    const tasksOfAccounts = `select count(*) from "user" u join tasks t on t.user_id = u.id where email like 'ada-%'`
    expect(await stack.postgres?.psql(tasksOfAccounts)).toBe('2')
  },
)

withBothKinds(
  'an account is made, left and come back to; a wrong password and a taken address are told',
  async (stack) => {
    const people = await Promise.all(
      (['phone', 'desk'] as const).map(async (device) =>
        visit(await newProfile(device, { isFarAway: true }), stack, `cleo-${device}`),
      ),
    )
    await sideBySide(people, async (cleo) => {
      await cleo.looksRight('01-sign-in')
      await cleo.signUp()
      await cleo.sees()
      await cleo.looksRight('02-empty')
      await cleo.add('Pack for the trip')
      await cleo.sees('Pack for the trip')
      await cleo.signOut()
      await cleo.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      expect(await cleo.page.getByText('Pack for the trip').count()).toBe(0)

      await cleo.signUp()
      await cleo.isTold('User already exists. Use another email.')
      await cleo.press('Sign in')
      await cleo.page.getByLabel('Password').fill('not the password')
      await cleo.press('Sign in')
      await cleo.isTold('Invalid email or password')
      await cleo.looksRight('03-wrong-password')
      await cleo.page.getByLabel('Password').fill(password)
      await cleo.press('Sign in')
      await cleo.sees('Pack for the trip')
    })
  },
)

flow(
  'the first list comes with the page, and no token stays in the page or in storage',
  'dora',
  async (dora) => {
    await dora.add('Sweep the stairs')
    // Once the task is stored the list is read anew.
    await eventually(() => dora.answers.map(({ method }) => method), ['POST', 'GET'])
    const { length } = dora.answers
    await dora.page.reload()
    await dora.sees('Sweep the stairs')
    expect(dora.answers).toHaveLength(length)

    const html = await (await dora.profile.request.get(dora.stack.frontEnd.url)).text()
    expect(html).toContain('Sweep the stairs')
    const stored = await dora.page.evaluate(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
    )
    expect(html + stored).not.toContain('eyJ')
    expect(
      await (await dora.profile.request.get(`${dora.stack.frontEnd.url}/?status=completed`)).text(),
    ).not.toContain('Sweep')
  },
)

flow(
  'a task is added, edited in its place, completed, reopened and deleted, and each of these is stored',
  'emma',
  async (emma) => {
    for (const title of ['Buy oats', 'Renew the passport', 'Write to grandmother']) await emma.add(title)
    await emma.sees('Write to grandmother', 'Renew the passport', 'Buy oats')

    await emma.openEditor('Renew the passport')
    await emma.page.getByLabel('Title').fill('Renew both passports')
    await emma.page.getByLabel('Description').fill('Photos first.\nThe office closes at noon on Fridays.')
    await emma.page.getByLabel('Status').selectOption('In progress')
    await emma.looksRight('04-editor')
    await emma.press('Save')
    await emma.box('Buy oats').check()
    await emma.sees('Write to grandmother', 'Renew both passports', 'Buy oats')
    await eventually(async () => {
      const { body } = await askApi(emma.stack, await tokenOf(emma))
      return body.map((task: Record<string, unknown>) => [task.title, task.description, task.status])
    }, [
      ['Write to grandmother', null, 'pending'],
      ['Renew both passports', 'Photos first.\nThe office closes at noon on Fridays.', 'in_progress'],
      ['Buy oats', null, 'completed'],
    ])
    await emma.looksRight('05-tasks')

    await emma.press('To do')
    await emma.sees('Write to grandmother')
    await emma.press('In progress')
    await emma.sees('Renew both passports')
    await emma.page.reload()
    await emma.sees('Renew both passports')
    await emma.press('Done')
    await emma.sees('Buy oats')
    await emma.box('Buy oats').click()
    await emma.sees()
    await emma.reads('Nothing done yet.')
    await emma.press('All')

    await emma.press('Delete Write to grandmother')
    await emma.sees('Renew both passports', 'Buy oats')
    await emma.looksRight('06-deleted')
    await emma.press('Undo')
    await emma.sees('Write to grandmother', 'Renew both passports', 'Buy oats')
    await emma.box('Write to grandmother').waitFor()
    await emma.press('Delete Buy oats')
    await emma.press('Close')
    await emma.sees('Write to grandmother', 'Renew both passports')
    await eventually(async () => (await askApi(emma.stack, await tokenOf(emma))).body.length, 2)
  },
)

flow('a long list comes page by page', 'finn', async (finn) => {
  const token = await tokenOf(finn)
  for (let number = 1; number <= 45; number++)
    await askApi(finn.stack, token, '/api/tasks', {
      method: 'POST',
      body: JSON.stringify({ title: `Task ${number}` }),
    })
  await finn.page.reload()
  for (const count of [20, 40]) {
    await finn.reads(`The first ${count} tasks`)
    await finn.press('Show more')
  }
  await finn.reads('45 tasks')
  await finn.sees(...Array.from({ length: 45 }, (_, index) => `Task ${45 - index}`))
})

test('everything can be done from the keyboard', async () => {
  const gwen = await newcomer(stacks['key-set'], 'gwen')
  const { keyboard } = gwen.page
  const focused = (role: 'button' | 'checkbox' | 'textbox', name: string) =>
    eventually(
      () => gwen.page.getByRole(role, { name, exact: true }).evaluate((node) => node.matches(':focus')),
      true,
    )

  for (const name of ['Sign out']) await keyboard.press('Tab').then(() => focused('button', name))
  await keyboard.press('Tab')
  await keyboard.type('Feed the cat')
  await keyboard.press('Enter')
  await gwen.box('Feed the cat').waitFor()
  await focused('textbox', 'New task')
  for (const name of ['Add', 'All', 'To do', 'In progress', 'Done'])
    await keyboard.press('Tab').then(() => focused('button', name))
  await keyboard.press('Tab')
  await focused('checkbox', 'Feed the cat')
  await keyboard.press('Space')
  await eventually(() => gwen.box('Feed the cat').isChecked(), true)
  await gwen.looksRight('07-keyboard')

  await keyboard.press('Tab')
  await focused('button', 'Edit Feed the cat')
  await keyboard.press('Enter')
  await focused('textbox', 'Title')
  await keyboard.press('Escape')
  await focused('button', 'Edit Feed the cat')
  await keyboard.press('Enter')
  await focused('textbox', 'Title')
  await keyboard.press('End')
  await keyboard.type('s')
  await keyboard.press('Enter')
  await focused('button', 'Edit Feed the cats')
  await keyboard.press('Tab')
  await focused('button', 'Delete Feed the cats')
  await keyboard.press('Enter')
  await focused('button', 'Undo')
  await keyboard.press('Enter')
  await gwen.box('Feed the cats').waitFor()
})

test('it fits a phone, a tablet and a desk, in light and dark, and breaks no rule of axe', async () => {
  const hugo = await newcomer(stacks['key-set'], 'hugo')
  await hugo.add('A title with averyveryverylongwordthatfitsnoscreenandhasnoplacetobreakatallwhateverhappens')
  await hugo.add('Repair the bicycle')
  await hugo.add('Plan the garden')
  await hugo.box('Repair the bicycle').check()
  await hugo.box('Plan the garden').waitFor()
  await hugo.press('Delete Plan the garden')
  await hugo.openEditor('Repair the bicycle')
  for (const width of [320, 768, 1280])
    for (const colorScheme of ['light', 'dark'] as const) {
      await hugo.page.setViewportSize({ width, height: 800 })
      await hugo.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await screenshot(hugo.page, `08-${width}-${colorScheme}`)
      const overflow = hugo.page.locator('html').evaluate((node) => node.scrollWidth - node.clientWidth)
      expect(await overflow).toBe(0)
    }
})

test('the page’s policy lets no inline script run and nobody but the app and the API be asked', async () => {
  const ivy = await newcomer(stacks['key-set'], 'ivy')
  const broken = await ivy.page.evaluate(`(async () => {
    const directives = []
    document.addEventListener('securitypolicyviolation', (event) => directives.push(event.violatedDirective))
    document.body.append(Object.assign(document.createElement('p'), { innerHTML: '<img src=x onerror="isBroken = true">' }))
    await fetch('http://localhost:1/').catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 500))
    return { directives: directives.sort(), isBroken: 'isBroken' in window }
  })()`)
  expect(broken).toEqual({ directives: ['connect-src', 'script-src-attr'], isBroken: false })
})

test('a page that does not exist says so', async () => {
  const page = await (await newProfile('desk')).newPage()
  await page.goto(`${stacks['key-set'].frontEnd.url}/nowhere`)
  await page.getByText('could not be found').waitFor()
  await screenshot(page, '09-not-found')
})

describe('the README’s recipes', () => {
  withBothKinds('in the browser: works, and keeps no token of whoever signed in before', async (stack) => {
    const page = await (await newProfile('desk')).newPage()
    await page.goto(stack.frontEnd.url)
    const end = '\nObject.assign(globalThis, { authClient, tasks })'
    const app = await buildExample()
    const recipe = { heading: 'In the browser', apiUrl: stack.api.url, app, target: 'browser', end } as const
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

  flow('in a server component: renders the tasks of whoever asks', 'uma', async (uma) => {
    await uma.add('Rendered on the server')
    await uma.box('Rendered on the server').waitFor()
    await uma.page.goto(`${uma.stack.frontEnd.url}/readme`)
    expect(await uma.page.getByRole('listitem').allInnerTexts()).toEqual(['Rendered on the server'])
  })
})

test('in all of this the browser asked nothing of another host than localhost', () => {
  expect(outside()).toEqual([])
})
