import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { apiOn } from '../support/api.ts'
import { temporaryDirectory } from '../support/cleanup.ts'
import { engines } from '../support/engines.ts'
import { run } from '../support/run.ts'

/** A program of a front end, with the mistakes that its types are there to find. */
const PROGRAM = `
import type { components, operations, paths } from './types'

type Task = components['schemas']['Task']
type NewTask = paths['/api/tasks']['post']['requestBody']['content']['application/json']
type Filter = NonNullable<operations['listTasks']['parameters']['query']>
type Refusal = operations['getTask']['responses'][404]['content']['application/problem+json']

export const task: NewTask = { title: 'Buy milk', description: null, status: 'in_progress' }
export const filter: Filter = { completed: false, limit: 10 }
export const titleOf = ({ title }: Task): string => title
export const isGone = ({ code }: Refusal): boolean => code === 'not_found'

// @ts-expect-error: no such field
export const misspelt: NewTask = { titel: 'Buy milk' }
// @ts-expect-error: no such status
export const done: NewTask = { title: 'Buy milk', status: 'done' }
// @ts-expect-error: a limit is a number
export const many: Filter = { limit: '10' }
// @ts-expect-error: no such code
export const isOther = ({ code }: Refusal): boolean => code === 'missing'
`

const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, types: [] }

test('types made of the OpenAPI document compile, and find mistakes', async () => {
  const [engine] = engines()
  if (!engine) throw new Error('There is no database')
  const { text } = await apiOn(engine).send('GET', '/openapi.json')
  const directory = temporaryDirectory('openapi-types')
  const inDirectory = (name: string) => join(directory.path, name)
  await Bun.write(inDirectory('openapi.json'), text)
  await Bun.write(inDirectory('program.ts'), PROGRAM)
  await Bun.write(inDirectory('tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
  const generator = join(import.meta.dir, '..', 'support', 'openapi-types.ts')
  await run([process.execPath, generator, inDirectory('openapi.json'), inDirectory('types.ts')])

  const compiler = (name: string) => join(import.meta.dir, '..', '..', 'node_modules', name, 'bin', 'tsc')
  for (const name of ['typescript', 'typescript-5'])
    expect(await run([process.execPath, compiler(name), '--project', directory.path])).toBe('')
  await directory.remove()
}, 60_000)
