import { afterAll, beforeAll, expect, test } from 'bun:test'
import { copyFile, cp, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { temporaryDirectory } from '../support/cleanup.ts'
import { run } from '../support/run.ts'

/** What create-next-app writes, unchanged. */
const NEXT_TSCONFIG = {
  compilerOptions: {
    target: 'ES2017',
    lib: ['dom', 'dom.iterable', 'esnext'],
    allowJs: true,
    skipLibCheck: true,
    strict: true,
    noEmit: true,
    esModuleInterop: true,
    module: 'esnext',
    moduleResolution: 'bundler',
    resolveJsonModule: true,
    isolatedModules: true,
    jsx: 'react-jsx',
    incremental: true,
    plugins: [{ name: 'next' }],
    paths: { '@/*': ['./*'] },
  },
  include: [
    'next-env.d.ts',
    '**/*.ts',
    '**/*.tsx',
    '.next/types/**/*.ts',
    '.next/dev/types/**/*.ts',
    '**/*.mts',
  ],
  exclude: ['node_modules'],
}

const WITH_OPENAPI_FETCH = `
import createClient from 'openapi-fetch'
import type { components, paths } from 'todo-backend/api'

export type Task = components['schemas']['Task']

export async function listTasks(token: string): Promise<Task[]> {
  const api = createClient<paths>({ baseUrl: 'http://localhost:8000' })
  const headers = { authorization: \`Bearer \${token}\` }
  const { data, error } = await api.GET('/api/tasks', { headers, params: { query: { status: 'pending' } } })
  if (error) throw new Error(error.detail)
  const task = await api.POST('/api/tasks', { headers, body: { title: 'Buy milk' } })
  // @ts-expect-error: no such field
  await api.POST('/api/tasks', { headers, body: { titel: 'Buy milk' } })
  // @ts-expect-error: no such field
  data[0]?.done
  return task.data ? [task.data, ...data] : data
}
`

const WITH_EDEN = `
import { treaty } from '@elysiajs/eden'
import type { App } from 'todo-backend'

export async function firstTitle(token: string): Promise<string | undefined> {
  const { api } = treaty<App>('http://localhost:8000', { headers: { authorization: \`Bearer \${token}\` } })
  const { data, error } = await api.tasks.get({ query: { status: 'pending' } })
  if (error?.status === 401) throw new Error(error.value.detail)
  await api.tasks.post({ title: 'Buy milk', status: 'in_progress' })
  // @ts-expect-error: no such field
  await api.tasks.post({ titel: 'Buy milk' })
  // @ts-expect-error: no such path
  await api.todos.get()
  // @ts-expect-error: no such method
  await api.auth.login.patch({})
  // @ts-expect-error: no such field
  data?.[0]?.done
  return data?.[0]?.title
}
`

const repository = join(import.meta.dir, '..', '..')
const directory = temporaryDirectory('todo-package')
const project = join(directory.path, 'app')
const npm = (cwd: string, ...args: string[]) => run(['npm', ...args], { cwd })
const install = (...packages: string[]) =>
  npm(project, 'install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages)
const compile = () =>
  run([
    process.execPath,
    join(project, 'node_modules', 'typescript', 'bin', 'tsc'),
    '--noEmit',
    '-p',
    project,
  ])
const installed = async () =>
  (await readdir(join(project, 'node_modules'))).filter((name) => !name.startsWith('.')).sort()

beforeAll(async () => {
  // Packed from a copy: packing takes the service's own packages out of package.json for a moment.
  const copy = join(directory.path, 'copy')
  await cp(join(repository, 'src', 'client'), join(copy, 'src', 'client'), { recursive: true })
  for (const name of ['package.json', 'README.md', 'LICENSE'])
    await copyFile(join(repository, name), join(copy, name))
  await npm(copy, 'pack', '--pack-destination', directory.path)
  expect(await Bun.file(join(copy, 'package.json')).json()).toEqual(packageJson)

  await mkdir(project)
  await Bun.write(join(project, 'package.json'), JSON.stringify({ private: true }))
  await Bun.write(join(project, 'tsconfig.json'), JSON.stringify(NEXT_TSCONFIG))
  const typescript = packageJson.devDependencies['typescript-5'].replace('npm:', '')
  await install(typescript, join(directory.path, `todo-backend-${packageJson.version}.tgz`))
}, 120_000)

afterAll(() => directory.remove())

test('the packed package brings nothing along', async () => {
  expect(await installed()).toEqual(['todo-backend', 'typescript'])
})

test('a Next.js project has typed clients of it, and its compiler finds a wrong field', async () => {
  await install('openapi-fetch@0.17.0')
  await Bun.write(join(project, 'lib', 'tasks.ts'), WITH_OPENAPI_FETCH)
  expect(await compile()).toBe('')

  await install(`@elysiajs/eden@${packageJson.devDependencies['@elysiajs/eden']}`)
  await Bun.write(join(project, 'lib', 'eden.ts'), WITH_EDEN)
  expect(await compile()).toBe('')
  const ofTheService = Object.keys(packageJson.dependencies).filter(
    (name) => !/^(elysia|memoirist)$/.test(name),
  )
  expect((await installed()).filter((name) => ofTheService.includes(name))).toEqual([])
}, 120_000)
