import { describe, expect, test } from 'bun:test'
import { join, posix } from 'node:path'
import { getTableColumns } from 'drizzle-orm'
import { tasks } from '../src/db/schema.ts'
import { TaskCreate } from '../src/tasks/schema.ts'

const source = join(import.meta.dir, '..', 'src')
const transpiler = new Bun.Transpiler({ loader: 'ts' })
const names = [...new Bun.Glob('**/*.ts').scanSync(source)].filter((name) => !name.endsWith('.d.ts')).sort()

const texts = new Map<string, string>()
for (const name of names) texts.set(name, await Bun.file(join(source, name)).text())

/** What a file imports: files of ours, relative to src/, types included, and packages. */
const importsOf = (name: string) => {
  const text = texts.get(name) ?? ''
  const ours = [...text.matchAll(/^(?:import|\} from) .*'(\.[^']+)'|import\('(\.[^']+)'\)/gm)]
  const fromHere = (path: string) => posix.join(posix.dirname(name), path)
  const whenRun = transpiler.scanImports(text).map(({ path }) => path)
  return {
    ours: ours.map(([, path = '', loaded = '']) => fromHere(path || loaded)),
    packages: whenRun.filter((path) => !path.startsWith('.')),
  }
}

/** The rooms of the house, from the ground up: a file imports from its own room and from rows before it. */
const ROWS = [
  'errors log near-miss origins fair-queue invocation database-url-mistakes',
  'system-error',
  'usage data-dir database-url',
  'config',
  'db http',
  'auth',
  'tasks docs transfer',
  'app',
  'serve commands',
  'main',
]

const roomOf = (name: string): string => name.replace(/(\/.*|\.ts)$/, '')
const rowOf = (name: string): number => ROWS.findIndex((row) => row.split(' ').includes(roomOf(name)))

/** What else a file may not import, whatever its room. */
const FORBIDDEN: [file: RegExp, imported: RegExp][] = [
  [/\/(repository|schema)\.ts$/, /^http\//],
  [/^tasks\//, /^auth\/(?!guard\.ts$)/],
]

/** Which files may import a package, where that is not any. */
const PACKAGES: [packageName: RegExp, mayBeIn: RegExp][] = [
  [/^elysia(\/|$)/, /^(app|(http|docs)\/.+|[^/]+\/(routes|schema|guard))\.ts$/],
  [/^@elysiajs\//, /^((http|docs)\/.+|auth\/sign)\.ts$/],
  [/^jose$/, /^auth\/(token|jwks)\.ts$/],
  [/^(postgres|drizzle-orm|@electric-sql\/pglite)(\/|$)/, /^db\//],
]

describe('imports', () => {
  test('point one way, also those of types', () => {
    const wrong: string[] = []
    for (const name of names) {
      if (rowOf(name) < 0) wrong.push(`${name} has no row`)
      for (const imported of importsOf(name).ours) {
        const isOutside = imported.startsWith('../')
        const isDown = roomOf(imported) === roomOf(name) || rowOf(imported) < rowOf(name)
        const isForbidden = FORBIDDEN.some(([file, other]) => file.test(name) && other.test(imported))
        if (!isOutside && (!isDown || isForbidden)) wrong.push(`${name} imports ${imported}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('go round in no circle, also those of types', () => {
    const finished = new Set<string>()
    const visit = (name: string, path: string[]): string[] => {
      if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
      if (finished.has(name)) return []
      for (const imported of importsOf(name).ours) {
        const circle = visit(imported, [...path, name])
        if (circle.length > 0) return circle
      }
      finished.add(name)
      return []
    }
    for (const name of names) expect(visit(name, [])).toEqual([])
  })

  test('of packages stand where those belong', () => {
    const wrong: string[] = []
    for (const name of names)
      for (const imported of importsOf(name).packages)
        for (const [packageName, mayBeIn] of PACKAGES)
          if (packageName.test(imported) && !mayBeIn.test(name)) wrong.push(`${name} imports ${imported}`)
    expect(wrong).toEqual([])
  })
})

describe('sources', () => {
  test('read the environment in config.ts only', () => {
    const readers = names.filter((name) => /\b(process|Bun|import\.meta)\.env\b/.test(texts.get(name) ?? ''))
    expect(readers).toEqual(['config.ts'])
  })

  test('have no barrels and no layers beside those of the design', () => {
    const unwanted = /(^|\/)(index|utils?|helpers?|[^/]*(service|mapper|dto|interface)s?)(\.ts$|\/)/
    expect(names.filter((name) => unwanted.test(name))).toEqual([])
    for (const name of names) expect(texts.get(name)).not.toMatch(/^export .*\bfrom '\./m)
  })

  test('take every column of a task along when it is imported, but the one that the database derives', () => {
    const columns = Object.values(getTableColumns(tasks)).filter(({ generated }) => !generated)
    const [, copied = ''] =
      /insert into \$\{tables\.tasks\} \((.*)\)/.exec(texts.get('transfer/copy.ts') ?? '') ?? []
    expect(copied.split(', ').sort()).toEqual(columns.map(({ name }) => name).sort())
  })

  test('set every field that clients may set when a task is made or changed, but the one that follows from the status', () => {
    const fields = Object.keys(TaskCreate.properties).filter((name) => name !== 'completed')
    const text = texts.get('tasks/repository.ts') ?? ''
    const listsIn = (pattern: RegExp) =>
      Array.from(text.matchAll(pattern), ([, list = '']) => list.split(', '))
    expect(listsIn(/insert into \$\{tasks\} \(user_id, (.*)\)/g)).toEqual([fields, fields])
    expect(listsIn(/when \((.*)\) is distinct from/g)).toEqual([fields])
    for (const field of fields) expect(text).toMatch(new RegExp(`^ +${field} = \\$\\{new\\w+\\},$`, 'm'))
  })

  test('name the user in every statement about tasks', () => {
    const files = names.filter((name) => name.startsWith('tasks/'))
    const statements = files.flatMap(
      (name) => (texts.get(name) ?? '').match(/\b(select|update|delete)\s[^`]*\btasks\b[^`]*`/g) ?? [],
    )
    expect(statements.length).toBeGreaterThanOrEqual(7)
    for (const statement of statements)
      expect(statement).toMatch(/user_id = \$\{userId\}|overriding system value/)
  })
})
