import { afterAll, beforeAll, test } from 'bun:test'
import { openBrowser } from './browser.ts'
import { type Device, devices, newPerson, type Person } from './person.ts'
import { type Stack, startStack, type TokenKind, tokenKinds } from './stack.ts'

/** Somebody on a phone and somebody at a desk. */
export type Pair = [phone: Person, desk: Person]

/** Adds to whatever goes wrong for whom it did. */
async function named<T>(name: string, outcome: Promise<T>): Promise<T> {
  try {
    return await outcome
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
}

/** What each of these people does at the same time. */
export const sideBySide = <T>(people: Person[], act: (person: Person) => Promise<T>): Promise<T[]> =>
  Promise.all(people.map((person) => named(person.name, act(person))))

/**
 * For the tests of one file: a browser, and the front end and the API with either kind of tokens. Most of a flow is
 * waiting, so both kinds and both devices go through it at the same time.
 */
export function setStage(environment: Record<string, string> = {}) {
  const stacks = {} as Record<TokenKind, Stack>
  let addresses = 0
  let browser: Awaited<ReturnType<typeof openBrowser>>

  beforeAll(async () => {
    browser = await openBrowser()
    const start = async (kind: TokenKind) => {
      stacks[kind] = await startStack(kind, { environment })
    }
    await Promise.all(tokenKinds.map(start))
  }, 600_000)

  afterAll(async () => {
    await browser?.close()
    await Promise.all(Object.values(stacks).map((stack) => stack.stop()))
  })

  /** One with an address of its own is not taken for another by Better Auth, which takes few attempts from one. */
  const newProfile = (device: Device, { isFarAway = false } = {}) =>
    browser.newProfile({
      ...devices[device],
      ...(isFarAway && { extraHTTPHeaders: { 'x-forwarded-for': `10.1.0.${++addresses}` } }),
    })

  const newcomer = (stack: Stack, name: string, device: Device = 'desk') =>
    newPerson(newProfile(device), stack, `${name}-${device}`)

  const newcomers = (stack: Stack, name: string): Promise<Pair> =>
    Promise.all([newcomer(stack, name, 'phone'), newcomer(stack, name, 'desk')])

  /** A test that goes through with either kind of tokens. */
  const withBothKinds = (title: string, act: (stack: Stack) => Promise<unknown>) =>
    test(title, async () => {
      await Promise.all(tokenKinds.map((kind) => named(kind, act(stacks[kind]))))
    })

  /** One in which two people do something with the same front end and API. */
  const jointFlow = (title: string, name: string, act: (people: Pair, stack: Stack) => Promise<unknown>) =>
    withBothKinds(title, async (stack) => act(await newcomers(stack, name), stack))

  /** One in which each does the same, for themselves. */
  const flow = (title: string, name: string, act: (person: Person) => Promise<unknown>) =>
    jointFlow(title, name, (people) => sideBySide(people, act))

  return {
    stacks,
    /** What the browser has asked of other hosts than localhost. */
    outside: () => browser.outside,
    newProfile,
    newcomer,
    newcomers,
    withBothKinds,
    jointFlow,
    flow,
  }
}
