import { temporaryDirectory } from './cleanup.ts'
import { type PostgresServer, startPostgres } from './postgres.ts'
import { type Outcome, runProgram } from './program.ts'

/** A server with databases to copy between, and a directory to run the program in. */
export interface Transfer {
  server: PostgresServer
  directory: string
  /** A new database with what the SQL makes, owned by the ordinary role. */
  source(sql: string): Promise<string>
  /** A new database with the service's tables. */
  target(): Promise<string>
  /** Leaves out the progress that an import writes when it takes more than five seconds. */
  run(args: string[], env: Record<string, string>): Promise<Outcome>
  /** Rows of a database, one JSON value a row. */
  rows<T>(url: string, query: string): Promise<T[]>
  remove(): Promise<void>
}

const PROGRESS = /^(looked at|copied) [\d,]+( of [\d,]+)? tasks\n/gm

const nameOf = (url: string) => new URL(url).pathname.slice(1)

export const startTransfer = async (): Promise<Transfer> => {
  const server = await startPostgres()
  const directory = temporaryDirectory('todo-transfer')
  const run: Transfer['run'] = async (args, env) => {
    const { exitCode, stdout, ...outcome } = await runProgram(args, { cwd: directory.path, env })
    const stderr = outcome.stderr.replace(PROGRESS, '')
    return { exitCode, stdout, stderr, output: stdout + stderr }
  }
  return {
    server,
    directory: directory.path,
    async source(sql) {
      const url = await server.createDatabase()
      await server.psql(`set role todo;\n${sql}`, nameOf(url))
      return url
    },
    async target() {
      const url = await server.createDatabase()
      const { exitCode, output } = await run(['migrate'], { DATABASE_URL: url })
      if (exitCode !== 0) throw new Error(output)
      return url
    },
    run,
    async rows(url, query) {
      const out = await server.psql(
        `set timezone = 'UTC'; select to_json(row) from (${query}) as row`,
        nameOf(url),
      )
      return out === '' ? [] : out.split('\n').map((line) => JSON.parse(line))
    },
    async remove() {
      await server.remove()
      await directory.remove()
    },
  }
}

/** What is in a target, as text: equal before and after means that nothing was changed. */
export const contentOf = async ({ rows }: Transfer, url: string): Promise<string> =>
  JSON.stringify([
    await rows(url, 'select * from users order by id'),
    await rows(url, 'select * from tasks order by user_id, id'),
    await rows(url, 'select * from idempotency_keys order by user_id, key'),
    await rows(url, 'select last_value, is_called from tasks_id_seq'),
  ])
