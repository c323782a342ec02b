import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/cleanup.ts'
import { example } from './stack.ts'

const authClient = `
import { createAuthClient } from 'better-auth/client'
import { jwtClient } from 'better-auth/client/plugins'
export const authClient = createAuthClient({ plugins: [jwtClient()] })`

const entry = `
import { authClient } from './auth-client'
import { tasksApi } from './tasks-api'
Object.assign(globalThis, { authClient, tasksApi })`

/**
 * The lines that the example's README gives to copy, bundled as an app of one's own would have them, with
 * `authClient` and `tasksApi` as globals of the page that runs it.
 */
export async function bundleReadme(apiUrl: string): Promise<string> {
  const readme = await Bun.file(join(example, 'README.md')).text()
  const lines = /```ts\n(?<code>.+?)```/s.exec(readme)?.groups?.code
  if (!lines) throw new Error('README.md has no block of TypeScript')

  const app = temporaryDirectory('todo-readme')
  await symlink(join(example, 'node_modules'), join(app.path, 'node_modules'))
  const files = { 'auth-client.ts': authClient, 'entry.ts': entry, 'tasks-api.ts': lines }
  for (const [name, text] of Object.entries(files)) await Bun.write(join(app.path, name), text)
  const { outputs } = await Bun.build({
    entrypoints: [join(app.path, 'entry.ts')],
    define: { 'process.env.NEXT_PUBLIC_TASKS_API': JSON.stringify(apiUrl) },
    format: 'iife',
    target: 'browser',
  })
  await app.remove()
  return (await outputs[0]?.text()) ?? ''
}
