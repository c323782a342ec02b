import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { atProcessEnd } from '../support/cleanup.ts'
import { contentOf, startTransfer, type Transfer } from '../support/transfer.ts'
import { until } from '../support/until.ts'

/** What ends an import in the middle leaves nothing behind, and the next one succeeds. */

const PATIENCE_MS = 120_000
const TASKS = 20_000
let transfer: Transfer
let source: string

beforeAll(async () => {
  transfer = await startTransfer()
  source = await transfer.source(`
    create table users (id text primary key, email text);
    create table tasks (id int primary key, user_id text references users, title text not null);
    insert into users select 'u'||g, 'u'||g||'@example.com' from generate_series(1, 50) g;
    insert into tasks select g, 'u'||(1+g%50), 'task '||g from generate_series(1, ${TASKS}) g`)
}, PATIENCE_MS)
afterAll(() => transfer.remove())

const nameOf = (url: string) => new URL(url).pathname.slice(1)
const main = join(import.meta.dir, '..', '..', 'src', 'main.ts')

/** An import that waits for a lock of somebody else's in the middle of its tasks, and what is done to it there. */
const interrupted = async (target: string, interrupt: (pid: number) => unknown) => {
  // Takes the last of the ids away from the import, until that has been interrupted.
  const { server } = transfer
  await server.psql(
    `create or replace function wait_at_last() returns trigger language plpgsql as
       $$ begin if new.id = ${TASKS} then perform pg_sleep(600); end if; return new; end $$;
     create trigger wait_at_last before insert on tasks for each row execute function wait_at_last()`,
    nameOf(target),
  )
  const child = Bun.spawn([process.execPath, main, 'import', source, '--apply'], {
    cwd: transfer.directory,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', DATABASE_URL: target },
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const cancelCleanup = atProcessEnd('kill -KILL "$1"', String(child.pid))
  const isWaiting = `select count(*) from pg_stat_activity where datname = '${nameOf(target)}' and wait_event = 'PgSleep'`
  await until(async () => (await server.psql(isWaiting)) === '1', PATIENCE_MS)
  await interrupt(child.pid)
  const [exitCode, stderr] = await Promise.all([child.exited, child.stderr.text()])
  cancelCleanup()
  // A server that executes looks after its client only when it is done.
  await server.psql(
    `select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '${nameOf(target)}' and wait_event = 'PgSleep';
     drop trigger wait_at_last on tasks`,
    nameOf(target),
  )
  return { exitCode, stderr }
}

describe('an import in the middle', () => {
  test.each([
    ['kill -9', (pid: number): unknown => process.kill(pid, 'SIGKILL'), 137, ''],
    ['SIGINT', (pid: number): unknown => process.kill(pid, 'SIGINT'), 1, 'SIGINT: Nothing was stored.'],
    [
      'a lost connection to the target',
      (): unknown =>
        transfer.server.psql(
          "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'",
        ),
      1,
      'Nothing was stored.',
    ],
    [
      'a lost connection to the source',
      (): unknown =>
        transfer.server.psql(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${nameOf(source)}'`,
        ),
      1,
      'The connection to the source was lost. Nothing was stored.',
    ],
  ] as const)(
    'that is ended by %s stores nothing, and the next one everything',
    async (_, interrupt, code, says) => {
      const target = await transfer.target()
      const before = await contentOf(transfer, target)
      const { exitCode, stderr } = await interrupted(target, interrupt)
      expect(exitCode).toBe(code)
      expect(stderr).toContain(says)
      expect(stderr).not.toMatch(/\n +at /)
      expect(await contentOf(transfer, target)).toBe(before)
      const again = await transfer.run(['import', source, '--apply'], { DATABASE_URL: target })
      expect(again.stdout).toContain(
        `Stored: 50 users, 20,000 tasks, 0 idempotency keys. The next task gets the id ${TASKS + 1}.`,
      )
      expect(again.exitCode).toBe(0)
    },
    PATIENCE_MS,
  )

  test(
    'copies what was there when it began',
    async () => {
      const target = await transfer.target()
      const changing = await transfer.source(`
      create table users (id text primary key);
      create table tasks (id int primary key, user_id text, title text);
      insert into users values ('u'); insert into tasks select g, 'u', 'old' from generate_series(1, ${TASKS}) g`)
      const writer = (async () => {
        for (let round = 0; round < 20; round += 1) {
          await transfer.server.psql(
            `begin; insert into tasks select max(id) + 1, 'u', 'new' from tasks; update tasks set title = 'new'; commit`,
            nameOf(changing),
          )
        }
      })()
      const { exitCode } = await transfer.run(['import', changing, '--apply'], { DATABASE_URL: target })
      await writer
      expect(exitCode).toBe(0)
      const titles = await transfer.rows<{ title: string; count: number }>(
        target,
        'select title, count(*)::int as count from tasks group by 1 order by 1',
      )
      // One moment's: an update changes all titles at once.
      expect(titles).toHaveLength(1)
    },
    PATIENCE_MS,
  )
})
