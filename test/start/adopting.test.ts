import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/cleanup.ts'
import { findPostgres, startPostgres } from '../support/postgres.ts'
import { runProgram } from '../support/program.ts'

/** What docs/ADOPTING.md says of the way to this service and back, beside a FastAPI backend's tables. */

const adopting = await Bun.file(join(import.meta.dir, '..', '..', 'docs', 'ADOPTING.md')).text()
const wayBack = /```sql\n(.*?)```/s.exec(adopting)?.[1] ?? ''

const SISTER = `
  create table users (id varchar primary key, email varchar(255) not null);
  create table tasks (
    id serial primary key, user_id varchar not null references users, title varchar(200) not null, description varchar,
    completed boolean not null, created_at timestamp not null, updated_at timestamp not null
  );
  insert into users values ('ada', 'ada@example.com');
  insert into tasks (user_id, title, completed, created_at, updated_at)
  values ('ada', 'made there', false, '2026-01-01', '2026-01-01')`

const testServer = findPostgres() ? test : () => {}

testServer(
  'another backend’s tables are left alone, and take what was made here when the team goes back',
  async () => {
    await using postgres = await startPostgres()
    const directory = temporaryDirectory('todo-adopting')
    await postgres.psql(`set role todo; ${SISTER}`)
    const migrate = (env: Record<string, string>) =>
      runProgram(['migrate'], { cwd: directory.path, env: { DATABASE_URL: postgres.url(), ...env } })
    expect(await migrate({})).toMatchObject({ exitCode: 1 })
    expect(await migrate({ DATABASE_SCHEMA: 'todo' })).toMatchObject({ exitCode: 0 })
    await postgres.psql(`
      insert into todo.users (id) values ('ada');
      insert into todo.tasks (user_id, title, created_at) values
        ('ada', 'made there', '2026-01-01Z'), ('ada', 'made here', '2026-02-01 12:00+02')`)
    await postgres.psql(`set timezone = 'Asia/Tokyo'; ${wayBack}`)
    expect(await postgres.psql('select id, title, completed, created_at from public.tasks order by id')).toBe(
      '1|made there|f|2026-01-01 00:00:00\n2|made here|f|2026-02-01 10:00:00',
    )
    await directory.remove()
  },
  60_000,
)
