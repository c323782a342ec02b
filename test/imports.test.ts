import { describe, expect, test } from 'bun:test'
import { join, posix } from 'node:path'

const source = join(import.meta.dir, '..', 'src')
const transpiler = new Bun.Transpiler({ loader: 'ts' })
const names = [...new Bun.Glob('**/*.ts').scanSync(source)].filter((name) => !name.endsWith('.d.ts')).sort()

const texts = new Map<string, string>()
for (const name of names) texts.set(name, await Bun.file(join(source, name)).text())

/** What a file imports when it runs (types are erased): files of ours, relative to src/, and packages. */
const importsOf = (name: string) => {
  const paths = transpiler.scanImports(texts.get(name) ?? '').map(({ path }) => path)
  const isOurs = (path: string) => path.startsWith('.')
  return {
    ours: paths.filter(isOurs).map((path) => posix.join(posix.dirname(name), path)),
    packages: paths.filter((path) => !isOurs(path)),
  }
}

/** What each kind of file may import of ours; the first that fits a file counts. */
const LAYERS: [file: RegExp, mayImport: RegExp][] = [
  [/^(main|serve)\.ts$|^commands\//, /./],
  [/^(errors|log|database-url-mistakes|near-miss|fair-queue|origins|invocation|system-error)\.ts$/, /^$/],
  [/^usage\.ts$/, /^invocation\.ts$/],
  [/^data-dir\.ts$/, /^system-error\.ts$/],
  [/^database-url\.ts$/, /^database-url-mistakes\.ts$/],
  [/^config\.ts$/, /^(database-url|log|near-miss|origins)\.ts$/],
  [
    /^app\.ts$/,
    /^((http|docs)\/.+|[^/]+\/(routes|repository)|auth\/(guard|password))\.ts$|^\.\.\/package\.json$/,
  ],
  [/^docs\/routes\.ts$/, /^(docs\/.+|http\/.+|errors\.ts)$/],
  [/^tasks\/routes\.ts$/, /^(tasks\/(schema|repository|notes)|auth\/guard|errors|http\/.+)\.ts$/],
  [
    /^auth\/routes\.ts$/,
    /^(auth\/(schema|repository|password|notes|rate-limit|client-address)|errors|http\/.+)\.ts$/,
  ],
  [/\/repository\.ts$/, /^(db\/.+|errors|tasks\/page)\.ts$/],
  [/^tasks\/(page|read-at)\.ts$/, /^$/],
  [/\/schema\.ts$/, /^(db\/task-statuses|errors|tasks\/read-at)\.ts$/],
  [/^(tasks|auth)\/notes\.ts$/, /^docs\/notes\.ts$/],
  [/^auth\/secret\.ts$/, /^(data-dir|system-error)\.ts$/],
  [/^auth\//, /^((errors|fair-queue|auth\/(jwks|bounded-fetch))\.ts|auth\/common-passwords\.txt)$/],
  [/^docs\//, /^(docs\/.+|http\/problem\.ts|errors\.ts)$/],
  [/^http\//, /^(http\/.+|errors)\.ts$/],
  [
    /^transfer\//,
    /^((transfer|db)\/.+|auth\/token|config|database-url|errors|system-error|invocation|log)\.ts$/,
  ],
  [/^db\/client\.ts$/, /^((db\/.+|errors|config)\.ts)$/],
  [
    /^db\//,
    /^((db\/.+|errors|fair-queue|invocation|data-dir|system-error|database-url)\.ts|db\/migrations\/.+)$/,
  ],
]

/** Which files may import a package, where that is not any. */
const PACKAGES: [packageName: RegExp, mayBeIn: RegExp][] = [
  [/^elysia(\/|$)/, /^(app|(http|docs)\/.+|[^/]+\/(routes|schema|guard))\.ts$/],
  [/^@elysiajs\//, /^((http|docs)\/.+|auth\/sign)\.ts$/],
  [/^jose$/, /^auth\/(token|jwks)\.ts$/],
  [/^(postgres|drizzle-orm|@electric-sql\/pglite)(\/|$)/, /^db\//],
]

describe('imports', () => {
  test('point one way', () => {
    const wrong: string[] = []
    for (const name of names) {
      const rule = LAYERS.find(([file]) => file.test(name))
      if (!rule) wrong.push(`${name} has no rule`)
      for (const imported of importsOf(name).ours)
        if (rule && !rule[1].test(imported)) wrong.push(`${name} imports ${imported}`)
    }
    expect(wrong).toEqual([])
  })

  test('go round in no circle', () => {
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

  test('of one resource do not reach into another', () => {
    const resources = ['tasks', 'auth']
    for (const name of names) {
      const [own = ''] = name.split('/')
      if (!resources.includes(own)) continue
      for (const imported of importsOf(name).ours) {
        const [other = ''] = imported.split('/')
        if (resources.includes(other) && other !== own) expect(imported).toBe('auth/guard.ts')
      }
    }
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

  test('name the user in every statement about tasks', () => {
    const statements =
      (texts.get('tasks/repository.ts') ?? '').match(/\b(select|update|delete)\s[^`]*\btasks\b[^`]*`/g) ?? []
    expect(statements.length).toBeGreaterThanOrEqual(4)
    for (const statement of statements)
      expect(statement).toMatch(/user_id = \$\{userId\}|overriding system value/)
  })
})
