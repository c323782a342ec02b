import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/cleanup.ts'

interface RecipeOptions {
  /** The heading that it stands under. */
  heading: string
  apiUrl: string
  /** A directory of an app with the packages that it imports. */
  app: string
  target: 'browser' | 'bun'
  /** The modules that its app has and this repository has not, by name: their sources. */
  modules?: Record<string, string>
  /** What is added at its end. */
  end?: string
}

/** The lines that the README gives to copy below a heading. */
export async function readRecipe(heading: string): Promise<string> {
  const readme = await Bun.file(join(import.meta.dir, '../../README.md')).text()
  const below = readme.split(`### ${heading}\n`)[1] ?? ''
  const lines = /```tsx?\n(?<code>.+?)```/s.exec(below)?.groups?.code
  if (!lines) throw new Error(`README.md has no code below "${heading}"`)
  return lines
}

/** A recipe, bundled as an app of one's own would have it. Nothing of it is changed but the address of the API. */
export async function bundleRecipe({
  heading,
  apiUrl,
  app,
  target,
  modules = {},
  end = '',
}: RecipeOptions): Promise<string> {
  const lines = await readRecipe(heading)
  const directory = temporaryDirectory('todo-readme')
  await symlink(join(app, 'node_modules'), join(directory.path, 'node_modules'))
  const entry = join(directory.path, 'recipe.tsx')
  await Bun.write(entry, lines.replaceAll('http://localhost:8000', apiUrl) + end)
  const { outputs } = await Bun.build({
    entrypoints: [entry],
    format: target === 'browser' ? 'iife' : 'esm',
    target,
    plugins: [
      {
        name: 'modules',
        setup(build) {
          build.onResolve({ filter: /./ }, ({ path }) =>
            path in modules ? { path, namespace: 'modules' } : undefined,
          )
          build.onLoad({ filter: /./, namespace: 'modules' }, ({ path }) => ({
            contents: modules[path] ?? '',
            loader: 'ts',
          }))
        },
      },
    ],
  })
  await directory.remove()
  return (await outputs[0]?.text()) ?? ''
}

/** A bundled module's exports. */
export const importText = (text: string) => import(`data:text/javascript;base64,${btoa(text)}`)
