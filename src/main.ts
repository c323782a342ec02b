import { parseArgs } from 'node:util'
import { ConfigError, loadConfig, loadListenAddress } from './config.ts'
import { printable } from './log.ts'
import { StartError } from './system-error.ts'
import { USAGE } from './usage.ts'

/** The command line: which command, with which arguments. A command gives the exit code; `serve` keeps running. */

/** The arguments are not understood; the message says why. */
class UsageError extends Error {}

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  health: { type: 'boolean' },
  migrate: { type: 'boolean' },
  apply: { type: 'boolean' },
  tasks: { type: 'string' },
  users: { type: 'string' },
  'user-id': { type: 'string' },
} as const

/** @throws {UsageError} */
const parse = (args: string[]) => {
  try {
    return parseArgs({ args, allowPositionals: true, options: OPTIONS })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

type Options = ReturnType<typeof parse>['values']

interface Command {
  /** What it is called with, if anything; it has to be there. */
  argument?: string
  options?: (keyof Options)[]
  run(argument: string, options: Options): Promise<number | undefined>
}

const linesOf = (text: string) => text.split('\n')
const write = (stream: NodeJS.WriteStream, lines: string[]) =>
  stream.write(`${lines.map(printable).join('\n')}\n`)
const print = (lines: string[]) => write(process.stdout, lines)
const complain = (lines: string[]) => write(process.stderr, lines)

/** Commands are loaded when they are asked for: serving must not wait for what only others need. */
const serve: Command = {
  async run() {
    await (await import('./serve.ts')).serve(loadConfig())
    return undefined
  },
}

const commands: Record<string, Command> = {
  migrate: {
    async run() {
      await (await import('./commands/migrate.ts')).migrateTables(loadConfig())
      return 0
    },
  },
  health: {
    async run() {
      await (await import('./commands/health.ts')).askHealth(loadListenAddress())
      return 0
    },
  },
  token: {
    argument: 'user-id',
    async run(userId) {
      print([await (await import('./commands/token.ts')).tokenFor(userId, loadConfig())])
      return 0
    },
  },
  import: {
    argument: 'source',
    options: ['apply', 'tasks', 'users', 'user-id'],
    async run(source, { apply = false, tasks, users, 'user-id': userId }) {
      const { importTasks } = await import('./commands/import.ts')
      return importTasks(loadConfig(), { source, isApplied: apply, tasks, users, userId })
    },
  },
  erase: {
    argument: 'user-id',
    async run(userId) {
      print(await (await import('./commands/erase.ts')).eraseAndTell(userId, loadConfig()))
      return 0
    },
  },
}

const help: Command = {
  async run() {
    print(linesOf(USAGE))
    return 0
  },
}

const version: Command = {
  async run() {
    print([(await import('./commands/version.ts')).describeVersion()])
    return 0
  },
}

/** What is asked for. */
const understand = ({ values, positionals }: ReturnType<typeof parse>) => {
  const { help: isHelp, version: isVersion, health, migrate, ...options } = values
  if (isHelp || isVersion) return { command: isHelp ? help : version, argument: '', options }

  // As options, as version 1.0.0 had them.
  const words = [...(health ? ['health'] : []), ...(migrate ? ['migrate'] : []), ...positionals]
  const [name, argument, ...more] = words
  const command = name === undefined ? serve : Object.hasOwn(commands, name) && commands[name]
  if (!command) throw new UsageError(`There is no command "${name}"`)
  const given = Object.keys(options) as (keyof Options)[]
  const unknown = given.find((option) => !command.options?.includes(option))
  if (unknown) throw new UsageError(`--${unknown} does not go with ${name ? `"${name}"` : 'serving'}`)
  if (command.argument && argument === undefined)
    throw new UsageError(`"${name}" needs a <${command.argument}>`)
  const surplus = command.argument ? more[0] : argument
  if (surplus !== undefined) throw new UsageError(`"${surplus}" is one argument too many for "${name}"`)
  return { command, argument: argument ?? '', options }
}

/** Says why a command has failed, with the stack of what is a defect, and gives the exit code. */
const explain = (error: unknown): number => {
  if (error instanceof UsageError) complain([error.message, '', ...linesOf(USAGE)])
  else if (error instanceof ConfigError) complain(['The configuration is not valid:', ...error.problems])
  else if (error instanceof StartError) complain(linesOf(error.message))
  else complain(linesOf(Bun.inspect(error)))
  return error instanceof UsageError ? 2 : 1
}

const run = async (args: string[]): Promise<number | undefined> => {
  try {
    const { command, argument, options } = understand(parse(args))
    // Such as a lock that is gone: a timer finds out. The service has an end of its own.
    if (command !== serve) process.on('uncaughtException', (error) => process.exit(explain(error)))
    return await command.run(argument, options)
  } catch (error) {
    return explain(error)
  }
}

const exitCode = await run(process.argv.slice(2))
if (exitCode !== undefined) process.exit(exitCode)
