import { SecretError } from './auth/secret.ts'
import { ConfigError, loadConfig } from './config.ts'
import { EmbeddedDatabaseError } from './db/embedded.ts'
import { DatabaseStartError } from './db/source.ts'

/** The command line: which command, with which arguments. A command gives the exit code; `serve` keeps running. */

const USAGE = `usage: todo-backend                  serves
       todo-backend migrate          makes or updates the tables
       todo-backend health           exits with 0 when the service on this machine is alive
       todo-backend token <user-id>  prints a token for trying the service
`

const print = (text: string) => process.stdout.write(`${text}\n`)

/** Commands are loaded when they are asked for: serving must not wait for what only others need. */
const commands: Record<string, (args: string[]) => Promise<number | undefined>> = {
  async serve() {
    await (await import('./serve.ts')).serve(loadConfig())
    return undefined
  },
  async migrate() {
    await (await import('./commands/migrate.ts')).migrateTables(loadConfig())
    return 0
  },
  async health() {
    return (await (await import('./commands/health.ts')).isAlive(loadConfig())) ? 0 : 1
  },
  async token([userId]) {
    if (!userId) return misunderstood()
    print(await (await import('./commands/token.ts')).tokenFor(userId, loadConfig()))
    return 0
  },
}

const misunderstood = (): number => {
  process.stderr.write(USAGE)
  return 2
}

const run = async ([name = 'serve', ...args]: string[]): Promise<number | undefined> => {
  const command = commands[name.replace(/^--(?=health$|migrate$)/, '')]
  if (!command) return misunderstood()
  try {
    return await command(args)
  } catch (error) {
    const isExpected =
      error instanceof SecretError ||
      error instanceof EmbeddedDatabaseError ||
      error instanceof DatabaseStartError
    if (error instanceof ConfigError)
      process.stderr.write(`The configuration is not valid:\n${error.message}\n`)
    else if (isExpected) process.stderr.write(`${error.message}\n`)
    else throw error
    return 1
  }
}

const exitCode = await run(process.argv.slice(2))
if (exitCode !== undefined) process.exit(exitCode)
