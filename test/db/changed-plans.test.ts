import { describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config.ts'
import { createDatabase } from '../../src/db/database.ts'
import { databaseSource, prepareDatabase } from '../../src/db/source.ts'
import { TASK_STATUSES } from '../../src/db/task-statuses.ts'
import { AppError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { taskRepository } from '../../src/tasks/repository.ts'
import { findPostgres, startPostgres } from '../support/postgres.ts'

const log = createLog({ level: 'silent', format: 'json' })

describe.if(findPostgres() !== null)('a migration that changes a type, under load', () => {
  test('gives nobody the tasks of another', async () => {
    await using server = await startPostgres()
    const source = databaseSource(loadConfig({ DATABASE_URL: server.url() }), log)
    await prepareDatabase(source, { migrateOnStart: true, log })
    const database = createDatabase({
      connect: source.connect,
      max: 2,
      timeoutMs: 5000,
      maxPending: 100,
      log,
    })
    database.open()
    const tasks = taskRepository(database, Date.now)
    const users = Array.from({ length: 12 }, (_, index) => `user ${index}`)
    for (const user of users)
      await tasks.create(user, { title: `of ${user}`, description: null, status: 'pending' })

    const outcomes = new Set<string>()
    const list = async (user: string) => {
      const filter = { statuses: TASK_STATUSES, limit: 10, after: undefined }
      const found = await tasks.list(user, filter).catch((error) => error)
      if (found instanceof AppError) outcomes.add(found.code)
      else
        outcomes.add(
          found.tasks.length === 1 && found.tasks[0].title === `of ${user}` ? 'own' : JSON.stringify(found),
        )
    }
    for (const type of ['varchar(500)', 'text', 'varchar(500)', 'text']) {
      let isOver = false
      const load = users.map(async (user) => {
        while (!isOver) await list(user)
      })
      await Bun.sleep(100)
      await server.psql(`alter table tasks alter column title type ${type}`)
      await Bun.sleep(100)
      isOver = true
      await Promise.all(load)
    }
    expect([...outcomes].sort()).toEqual(['own', 'unavailable'])

    outcomes.clear()
    await Promise.all(users.map(list))
    expect([...outcomes]).toEqual(['own'])
    await database.close()
  }, 30_000)
})
