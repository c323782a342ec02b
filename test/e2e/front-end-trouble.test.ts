import { beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { Route } from 'playwright-core'
import { run } from '../support/run.ts'
import { eventually } from './eventually.ts'
import { askApi, makeAccount, type Person, titlesOf, tokenOf, visit } from './person.ts'
import type { Stack } from './stack.ts'
import { setStage, sideBySide } from './stage.ts'

/** What people meet when something fails, changes or ends under the page. */

const { flow, jointFlow, newcomer, newcomers, outside, stacks } = setStage({ DATABASE_SCHEMA: 'tasks_api' })

/** Lets the page's requests through to the API, and their answers not back. */
const loseAnswer = async (route: Route) => {
  await route.fetch()
  await route.abort()
}

describe('two tabs with one task', () => {
  /** Two tabs with the editor open; the other one saves first. */
  const race = async (person: Person) => {
    await person.add('Book a table')
    await person.box('Book a table').waitFor()
    const other = await visit(person.profile, person.stack, person.name)
    for (const tab of [person, other]) await tab.openEditor('Book a table')
    await other.page.getByLabel('Title').fill('Book a table for two')
    await other.press('Save')
    await other.box('Book a table for two').waitFor()
    await person.page.bringToFront()
    await person.page.getByLabel('Title').fill('Book a table for six')
    await person.press('Save')
    await person.isTold('This task was changed elsewhere in the meantime. There it is now:')
    await person.reads('Book a table for two')
  }

  flow('nothing is overwritten unseen; one can save one’s own in spite of that', 'ida', async (ida) => {
    await race(ida)
    await ida.looksRight('10-changed-elsewhere')
    await ida.press('Save mine')
    await ida.box('Book a table for six').waitFor()
    await eventually(() => titlesOf(ida), ['Book a table for six'])
  })

  flow('or take the other', 'jona', async (jona) => {
    await race(jona)
    await jona.press('Take that one')
    await jona.box('Book a table for two').waitFor()
    await eventually(() => titlesOf(jona), ['Book a table for two'])
  })

  flow('what was typed for a task that is gone can become a new one', 'kira', async (kira) => {
    await kira.add('Short-lived')
    await kira.box('Short-lived').waitFor()
    await kira.openEditor('Short-lived')
    await kira.page.getByLabel('Description').fill('A long story')
    const token = await tokenOf(kira)
    const [{ id }] = (await askApi(kira.stack, token)).body
    const headers = { authorization: `Bearer ${token}` }
    await fetch(`${kira.stack.api.url}/api/tasks/${id}`, { method: 'DELETE', headers })
    await kira.press('Save')
    await kira.press('Add it anew')
    await kira.reads('A long story')
    await eventually(() => titlesOf(kira), ['Short-lived'])
  })
})

flow(
  'a change that was stored although its answer was lost is no conflict with itself',
  'lea',
  async (lea) => {
    await lea.add('Paint the fence')
    await lea.box('Paint the fence').waitFor()
    await lea.openEditor('Paint the fence')
    await lea.page.getByLabel('Title').fill('Paint the fence green')
    await lea.page.route('**/api/tasks/*', loseAnswer, { times: 1 })
    await lea.press('Save')
    await lea.box('Paint the fence green').waitFor()
    await eventually(() => lea.answers.some(({ status }) => status === 412), true)
    await lea.isTold()
  },
)

flow(
  'a new task whose answer was lost is added once, also when the page is loaded anew in between',
  'mona',
  async (mona) => {
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
    expect(await titlesOf(mona)).toEqual(['Exactly once'])
  },
)

flow(
  'what the API refuses is told in its own words and taken back, and what was typed stays',
  'nils',
  async (nils) => {
    const tooLong = 'x'.repeat(201)
    await nils.add(tooLong)
    await nils.isTold('title must have at most 200 characters')
    await nils.looksRight('11-refused')
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
        headers: { 'access-control-allow-origin': nils.stack.frontEnd.url },
      }),
    )
    await nils.box('Sharpen the pencils').click()
    await nils.isTold('Internal Server Error')
    expect(await nils.box('Sharpen the pencils').isChecked()).toBe(false)
  },
)

jointFlow(
  'while the API is away that is told, what is done shows at once, and all of it is stored once it is back',
  'olga',
  async (people, { api }) => {
    await sideBySide(people, async (olga) => {
      await olga.add('First')
      await olga.box('First').waitFor()
    })
    await api.stop()
    await sideBySide(people, async (olga) => {
      await olga.box('First').click()
      await olga.add('Second')
      await olga.sees('Second', 'First')
      await olga.reads('The service is not ready yet. Trying again …')
      expect(await olga.box('First').isChecked()).toBe(true)
      await olga.looksRight('12-api-away')
      await olga.page.reload()
      await olga.sees('Second')
    })
    await api.start()
    await sideBySide(people, async (olga) => {
      await olga.sees('Second', 'First')
      await olga.box('Second').waitFor()
      await olga.isTold()
      await eventually(() => titlesOf(olga), ['Second', 'First'])
    })
  },
)

jointFlow('a busy service is asked again after as long as it says', 'paul', async (people, { postgres }) => {
  const asked = new Map<Person, number[]>()
  await sideBySide(people, async (paul) => {
    await paul.add('Patience')
    await paul.box('Patience').waitFor()
    const times: number[] = []
    asked.set(paul, times)
    paul.page.on('request', (request) => {
      if (request.method() === 'PATCH') times.push(Date.now())
    })
  })
  postgres?.suspend()
  await sideBySide(people, async (paul) => {
    await paul.box('Patience').click()
    await eventually(() => paul.answers.filter(({ status }) => status === 503).length >= 2, true)
  })
  postgres?.resume()
  await sideBySide(people, async (paul) => {
    await eventually(() => paul.answers.at(-1)?.status, 200)
    const times = asked.get(paul) ?? []
    // Retry-After: 1
    for (const [index, time] of times.slice(1).entries())
      expect(time - (times[index] ?? 0)).toBeGreaterThanOrEqual(1000)
    await paul.isTold()
    expect(await paul.box('Patience').isChecked()).toBe(true)
  })
})

flow('offline is told; what is done there is kept, and sent after it', 'rosa', async (rosa) => {
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
  await rosa.looksRight('13-offline')
  await rosa.profile.setOffline(false)
  await rosa.box('In the tunnel').waitFor()
  await eventually(() => titlesOf(rosa), ['In the tunnel', 'Through the tunnel'])
  expect(await rosa.page.getByLabel('New task').inputValue()).toBe('Half a thou')
  await rosa.page.reload()
  await rosa.sees('In the tunnel', 'Through the tunnel')
  expect(await rosa.page.getByLabel('New task').inputValue()).toBe('Half a thou')
})

describe('when the front end changes its keys', () => {
  /** Makes the API fetch the keys now; for 10 s from here on it does not ask for unknown ones. */
  const letApiFetchKeys = async (person: Person) => {
    await stacks['key-set'].api.passTenMinutes()
    expect((await askApi(person.stack, person.tokens.at(-1) ?? '')).status).toBe(200)
  }
  const withdrawKeys = () => stacks['key-set'].postgres?.psql('delete from jwks')
  const keyOf = (token = '') => decodeProtectedHeader(token).kid

  /** Each page renews its token once, unseen, and the one that it had is refused. */
  const goOn = (people: Person[]) =>
    sideBySide(people, async (person) => {
      const [withdrawn = ''] = person.tokens
      await person.box('First').click()
      await eventually(
        () => person.answers.filter(({ method }) => method === 'PATCH').map(({ status }) => status),
        [401, 200],
      )
      await person.isTold()
      expect(await person.box('First').isChecked()).toBe(true)
      expect(person.tokens).toHaveLength(2)
      const refusal = await askApi(person.stack, withdrawn)
      expect(refusal).toMatchObject({ status: 401, body: { code: 'invalid_token' } })
    })

  test('a page that has a token of a new key before the API has the key goes on by itself; the old key stays good', async () => {
    const people = await newcomers(stacks['key-set'], 'sam')
    await sideBySide(people, async (sam) => {
      await sam.add('Before the rotation')
      await sam.box('Before the rotation').waitFor()
    })
    const oldTokens = people.map((sam) => sam.tokens.at(-1) ?? '')
    await letApiFetchKeys(people[0])
    // Better Auth signs with a new key once the newest one has expired, and publishes both.
    await stacks['key-set'].postgres?.psql('update jwks set "expiresAt" = now()')

    await sideBySide(people, async (sam) => {
      await sam.page.reload()
      await sam.add('After the rotation')
      await sam.box('After the rotation').waitFor({ timeout: 30_000 })
      await sam.sees('After the rotation', 'Before the rotation')
      await sam.isTold()
      expect(oldTokens.map(keyOf)).not.toContain(keyOf(sam.tokens.at(-1)))
    })
    for (const token of oldTokens) expect((await askApi(stacks['key-set'], token)).status).toBe(200)
  })

  test('a key that is withdrawn after another took its place is refused at the API’s next fetch, and no page shows it', async () => {
    const people = await newcomers(stacks['key-set'], 'tim')
    await sideBySide(people, async (tim) => {
      await tim.add('First')
      await tim.box('First').waitFor()
    })
    await withdrawKeys()
    const newToken = await tokenOf(people[0])
    expect(people.map(({ tokens }) => keyOf(tokens.at(-1)))).not.toContain(keyOf(newToken))
    await stacks['key-set'].api.passTenMinutes()
    expect((await askApi(stacks['key-set'], newToken)).status).toBe(200)

    await goOn(people)
  })

  test('a key that is withdrawn before there is another is refused within 10 minutes, and no page shows it', async () => {
    const people = await newcomers(stacks['key-set'], 'ute')
    await sideBySide(people, async (ute) => {
      await ute.add('First')
      await ute.box('First').waitFor()
    })
    await withdrawKeys()
    await stacks['key-set'].api.passTenMinutes()
    await goOn(people)
  })
})

test('accounts and tasks in one database outlive `drizzle-kit push --force` of the front end’s schema', async () => {
  const stack = stacks['key-set']
  const tara = await newcomer(stack, 'tara')
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
  const start = ({ frontEnd }: Stack) => frontEnd.start({ TOKEN_LIFETIME: '1s' })

  beforeAll(async () => {
    await Promise.all(
      Object.values(stacks).map(async (stack) => {
        await stack.frontEnd.stop()
        await start(stack)
      }),
    )
  })

  /** Adds a task, and awaits that the API calls the token for it expired. */
  const addAndWait = async (person: Person, title: string) => {
    await person.add(title)
    await person.box(title).waitFor()
    const token = person.tokens.at(-1) ?? ''
    expect(decodeJwt(token).exp).toBeNumber()
    await eventually(async () => (await askApi(person.stack, token)).body.code, 'token_expired')
  }

  flow('an expired token is renewed once, unseen', 'tess', async (tess) => {
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

  jointFlow('while the front end is away, an expired token is waited for', 'uwe', async (people, stack) => {
    await sideBySide(people, (uwe) => addAndWait(uwe, 'First'))
    await stack.frontEnd.stop()
    await sideBySide(people, async (uwe) => {
      await uwe.box('First').click()
      await uwe.reads('Trying again')
    })
    await start(stack)
    await sideBySide(people, async (uwe) => {
      await eventually(() => uwe.answers.at(-1)?.status, 200)
      await uwe.isTold()
    })
  })

  flow(
    'a session that has ended leads back to the way in, and what was typed is there after it',
    'vera',
    async (vera) => {
      await addAndWait(vera, 'First')
      await vera.page.getByLabel('New task').fill('Half a thou')
      await vera.profile.clearCookies()
      await vera.box('First').click()
      await vera.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await vera.signIn()
      await vera.sees('First')
      expect(await vera.page.getByLabel('New task').inputValue()).toBe('Half a thou')
    },
  )

  flow('a tab left open by one person never acts for the next', 'will', async (will) => {
    await addAndWait(will, 'Secret of Will')
    await will.profile.clearCookies()
    const next = will.email.replace('will', 'xena')
    await makeAccount(will.profile, will.stack.frontEnd.url, next)
    await will.add('For Will only')
    await will.reads(next)
    await will.sees()
    expect(await titlesOf(will)).toEqual([])
  })
})

test('in all of this the browser asked nothing of another host than localhost', () => {
  expect(outside()).toEqual([])
})
