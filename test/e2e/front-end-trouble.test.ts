import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { Route } from 'playwright-core'
import { run } from '../support/run.ts'
import { openBrowser, screenshot } from './browser.ts'
import { eventually } from './eventually.ts'
import { askApi, makeAccount, newPerson, type Person, tokenOf, visit } from './person.ts'
import { type Stack, startStack } from './stack.ts'

/** What people meet when something fails, changes or ends under the page. */

let browser: Awaited<ReturnType<typeof openBrowser>>
let stack: Stack

beforeAll(async () => {
  browser = await openBrowser()
  stack = await startStack('key-set', { DATABASE_SCHEMA: 'tasks_api' })
}, 600_000)

afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

const newcomer = (name: string, profile = browser.newProfile()) => newPerson(profile, stack, name)

const titles = async (person: Person): Promise<string[]> =>
  (await askApi(stack, await tokenOf(person, stack))).body.map(({ title }: { title: string }) => title)

/** Lets the page's requests through to the API, and their answers not back. */
const loseAnswer = async (route: Route) => {
  await route.fetch()
  await route.abort()
}

describe('two tabs with one task', () => {
  /** Two tabs with the editor open; the other one saves first. */
  const race = async (name: string) => {
    const profile = browser.newProfile()
    const person = await newcomer(name, profile)
    await person.add('Book a table')
    await person.box('Book a table').waitFor()
    const other = await visit(await profile, stack, name)
    for (const tab of [person, other]) await tab.openEditor('Book a table')
    await other.page.getByLabel('Title').fill('Book a table for two')
    await other.press('Save')
    await other.box('Book a table for two').waitFor()
    await person.page.bringToFront()
    await person.page.getByLabel('Title').fill('Book a table for six')
    await person.press('Save')
    await person.isTold('This task was changed elsewhere in the meantime. There it is now:')
    await person.reads('Book a table for two')
    return person
  }

  test('nothing is overwritten unseen; one can save one’s own in spite of that', async () => {
    const ida = await race('ida')
    await screenshot(ida.page, '10-changed-elsewhere')
    await ida.press('Save mine')
    await ida.box('Book a table for six').waitFor()
    await eventually(() => titles(ida), ['Book a table for six'])
  })

  test('or take the other', async () => {
    const jona = await race('jona')
    await jona.press('Take that one')
    await jona.box('Book a table for two').waitFor()
    await eventually(() => titles(jona), ['Book a table for two'])
  })

  test('what was typed for a task that is gone can become a new one', async () => {
    const kira = await newcomer('kira')
    await kira.add('Short-lived')
    await kira.box('Short-lived').waitFor()
    await kira.openEditor('Short-lived')
    await kira.page.getByLabel('Description').fill('A long story')
    const token = await tokenOf(kira, stack)
    const [{ id }] = (await askApi(stack, token)).body
    const headers = { authorization: `Bearer ${token}` }
    await fetch(`${stack.api.url}/api/tasks/${id}`, { method: 'DELETE', headers })
    await kira.press('Save')
    await kira.press('Add it anew')
    await kira.reads('A long story')
    await eventually(() => titles(kira), ['Short-lived'])
  })
})

test('a change that was stored although its answer was lost is no conflict with itself', async () => {
  const lea = await newcomer('lea')
  await lea.add('Paint the fence')
  await lea.box('Paint the fence').waitFor()
  await lea.openEditor('Paint the fence')
  await lea.page.getByLabel('Title').fill('Paint the fence green')
  await lea.page.route('**/api/tasks/*', loseAnswer, { times: 1 })
  await lea.press('Save')
  await lea.box('Paint the fence green').waitFor()
  await eventually(() => lea.answers.some(({ status }) => status === 412), true)
  await lea.isTold()
})

test('a new task whose answer was lost is added once, also when the page is loaded anew in between', async () => {
  const mona = await newcomer('mona')
  let sent = 0
  await mona.page.route('**/api/tasks', async (route) => {
    if (route.request().method() !== 'POST') return route.continue()
    sent++
    await loseAnswer(route)
  })
  await mona.add('Exactly once')
  await mona.reads('Trying again')
  await eventually(() => sent > 1, true)
  await mona.page.unrouteAll({ behavior: 'ignoreErrors' })
  await mona.page.reload()
  await mona.box('Exactly once').waitFor()
  await mona.sees('Exactly once')
  expect(await titles(mona)).toEqual(['Exactly once'])
})

test('what the API refuses is told in its own words and taken back, and what was typed stays', async () => {
  const nils = await newcomer('nils')
  const tooLong = 'x'.repeat(201)
  await nils.add(tooLong)
  await nils.isTold('title must have at most 200 characters')
  await screenshot(nils.page, '11-refused')
  await nils.press('Change it')
  expect(await nils.page.getByLabel('New task').inputValue()).toBe(tooLong)
  await nils.add('Sharpen the pencils')
  await nils.box('Sharpen the pencils').waitFor()

  await nils.openEditor('Sharpen the pencils')
  await nils.page.getByLabel('Title').fill(tooLong)
  await nils.press('Save')
  await nils.isTold('title must have at most 200 characters')
  expect(await nils.page.getByLabel('Title').inputValue()).toBe(tooLong)
  await nils.press('Cancel')

  const problem = { detail: 'Internal Server Error', code: 'internal' }
  await nils.page.route('**/complete', (route) =>
    route.fulfill({
      status: 500,
      json: problem,
      headers: { 'access-control-allow-origin': stack.frontEnd.url },
    }),
  )
  await nils.box('Sharpen the pencils').click()
  await nils.isTold('Internal Server Error')
  expect(await nils.box('Sharpen the pencils').isChecked()).toBe(false)
})

test('while the API is away that is told, what is done shows at once, and all of it is stored once it is back', async () => {
  const olga = await newcomer('olga')
  await olga.add('First')
  await olga.box('First').waitFor()

  await stack.api.stop()
  await olga.box('First').click()
  await olga.add('Second')
  await olga.sees('Second', 'First')
  await olga.reads('The service does not answer yet. Trying again …')
  expect(await olga.box('First').isChecked()).toBe(true)
  await screenshot(olga.page, '12-api-away')
  await olga.page.reload()
  await olga.sees('Second')

  await stack.api.start()
  await olga.sees('Second', 'First')
  await olga.box('Second').waitFor()
  await olga.isTold()
  await eventually(() => titles(olga), ['Second', 'First'])
})

test('a busy service is asked again after as long as it says', async () => {
  const paul = await newcomer('paul')
  await paul.add('Patience')
  await paul.box('Patience').waitFor()
  const asked: number[] = []
  paul.page.on('request', (request) => {
    if (request.method() === 'PATCH') asked.push(Date.now())
  })
  stack.postgres?.suspend()
  await paul.box('Patience').click()
  await eventually(() => paul.answers.filter(({ status }) => status === 503).length >= 2, true)
  stack.postgres?.resume()
  await eventually(() => paul.answers.at(-1)?.status, 200)
  // Retry-After: 1
  for (const [index, time] of asked.slice(1).entries())
    expect(time - (asked[index] ?? 0)).toBeGreaterThanOrEqual(1000)
  await paul.isTold()
  expect(await paul.box('Patience').isChecked()).toBe(true)
})

test('offline is told; what is done there is kept, and sent after it', async () => {
  const rosa = await newcomer('rosa')
  await rosa.add('Before the tunnel')
  await rosa.box('Before the tunnel').waitFor()
  await rosa.openEditor('Before the tunnel')
  await rosa.profile.setOffline(true)
  await rosa.reads('You are offline.')
  await rosa.page.getByLabel('Title').fill('Through the tunnel')
  await rosa.press('Save')
  await rosa.add('In the tunnel')
  await rosa.sees('In the tunnel', 'Through the tunnel')
  await rosa.page.getByLabel('New task').fill('Half a thou')
  await screenshot(rosa.page, '13-offline')
  await rosa.profile.setOffline(false)
  await rosa.box('In the tunnel').waitFor()
  await eventually(() => titles(rosa), ['In the tunnel', 'Through the tunnel'])
  expect(await rosa.page.getByLabel('New task').inputValue()).toBe('Half a thou')
  await rosa.page.reload()
  await rosa.sees('In the tunnel', 'Through the tunnel')
  expect(await rosa.page.getByLabel('New task').inputValue()).toBe('Half a thou')
})

test('after a key rotation tokens of the new key are taken, and those of the old one still', async () => {
  const sam = await newcomer('sam')
  await sam.add('Before the rotation')
  await sam.box('Before the rotation').waitFor()
  const oldToken = sam.tokens.at(-1) ?? ''

  // Better Auth signs with a new key once the newest one has expired, and publishes both.
  await stack.postgres?.psql('update jwks set "expiresAt" = now()')
  const newToken = await tokenOf(sam, stack)
  expect(decodeProtectedHeader(newToken).kid).not.toBe(decodeProtectedHeader(oldToken).kid)
  await sam.add('With the old key')
  await sam.box('With the old key').waitFor()

  // The API asks the issuer for an unknown key at most once in 10 s.
  await eventually(async () => (await askApi(stack, newToken)).status, 200)
  await sam.page.reload()
  await sam.add('With the new key')
  await sam.sees('With the new key', 'With the old key', 'Before the rotation')
  await sam.box('With the new key').waitFor()
  expect(decodeProtectedHeader(sam.tokens.at(-1) ?? '').kid).toBe(decodeProtectedHeader(newToken).kid)
  expect((await askApi(stack, oldToken)).status).toBe(200)
})

test('accounts and tasks in one database outlive `drizzle-kit push --force` of the front end’s schema', async () => {
  const tara = await newcomer('tara')
  await tara.add('Before the push')
  await tara.box('Before the push').waitFor()

  // A table of an earlier front end, which its schema does not have any more, shows that this was in earnest.
  await stack.postgres?.psql('create table forgotten (id int); alter table forgotten owner to todo')
  const schema = join(import.meta.dir, 'front-end-schema.ts')
  const url = stack.postgres?.url() ?? ''
  const options = ['--force', '--dialect=postgresql', `--schema=${schema}`, `--url=${url}`]
  await run([process.execPath, 'x', 'drizzle-kit', 'push', ...options], { cwd: import.meta.dir })
  const tables = `select string_agg(table_schema || '.' || table_name, ' ' order by table_name)
    from information_schema.tables where table_schema in ('public', 'tasks_api') and table_name in ('forgotten', 'user', 'tasks')`
  expect(await stack.postgres?.psql(tables)).toBe('tasks_api.tasks public.user')

  await tara.page.reload()
  await tara.sees('Before the push')
  await tara.add('After the push')
  await tara.box('After the push').waitFor()
  await tara.signOut()
  await tara.signIn()
  await tara.sees('After the push', 'Before the push')
})

describe('with tokens that live for a second', () => {
  beforeAll(async () => {
    await stack.frontEnd.stop()
    await stack.frontEnd.start({ TOKEN_LIFETIME: '1s' })
  })

  /** Adds a task, and awaits that the API calls the token for it expired. */
  const addAndWait = async (person: Person, title: string) => {
    await person.add(title)
    await person.box(title).waitFor()
    const token = person.tokens.at(-1) ?? ''
    expect(decodeJwt(token).exp).toBeNumber()
    await eventually(async () => (await askApi(stack, token)).body.code, 'token_expired')
  }

  test('an expired token is renewed once, unseen', async () => {
    const tess = await newcomer('tess')
    await addAndWait(tess, 'First')
    const before = tess.answers.length
    await tess.box('First').click()
    await eventually(
      () =>
        tess.answers
          .slice(before)
          .map(({ method, status }) => `${method} ${status}`)
          .slice(0, 2),
      ['PATCH 401', 'PATCH 200'],
    )
    await tess.isTold()
    expect(tess.tokens).toHaveLength(2)
  })

  test('while the front end is away, an expired token is waited for', async () => {
    const uwe = await newcomer('uwe')
    await addAndWait(uwe, 'First')
    await stack.frontEnd.stop()
    await uwe.box('First').click()
    await uwe.reads('Trying again')
    await stack.frontEnd.start({ TOKEN_LIFETIME: '1s' })
    await eventually(() => uwe.answers.at(-1)?.status, 200)
    await uwe.isTold()
  })

  test('a session that has ended leads back to the way in, and what was typed is there after it', async () => {
    const vera = await newcomer('vera')
    await addAndWait(vera, 'First')
    await vera.page.getByLabel('New task').fill('Half a thou')
    await vera.profile.clearCookies()
    await vera.box('First').click()
    await vera.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
    await vera.signIn()
    await vera.sees('First')
    expect(await vera.page.getByLabel('New task').inputValue()).toBe('Half a thou')
  })

  test('a tab left open by one person never acts for the next', async () => {
    const will = await newcomer('will')
    await addAndWait(will, 'Secret of Will')
    await will.profile.clearCookies()
    await makeAccount(will.profile, stack.frontEnd.url, 'xena@example.com')
    await will.add('For Will only')
    await will.reads('xena@example.com')
    await will.sees()
    expect((await askApi(stack, await tokenOf(will, stack))).body).toEqual([])
  })
})

test('in all of this the browser asked nothing of another host than localhost', () => {
  expect(browser.outside).toEqual([])
})
