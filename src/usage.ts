import { programName } from './invocation.ts'

/** The usage, for `--help` and for invalid arguments. */
export const USAGE = `todo-backend: a task API for many users. Without a command it serves, on the database that the environment and
.env name: a PostgreSQL server (DATABASE_URL), or else an embedded one in DATA_DIR (.data).

usage: ${programName} [command]

  (none)              serves; then open http://localhost:8000/docs
  migrate             makes or updates the tables
  health              asks the service on this machine (HOST, PORT): 0 when it is healthy, else 1
  token <user-id>     prints a token for trying the service as that user
  import <source>     shows what would be copied from another database: a directory of the embedded one (.data), or
                      a PostgreSQL URL, of this service or of another task backend
      --apply                    copies it
      --tasks [schema.]table     which table has the tasks, where it is not "task" or "tasks"
      --users [schema.]table     which table has the users, where it is not "user" or "users"
      --user-id column           which column of the users is the subject of their tokens, where it is not "id"
  erase <user-id>     deletes a user, with all tasks and keys

  --help, --version

A first task, while the service runs (in another terminal, in this directory):

  curl localhost:8000/api/tasks -H "Authorization: Bearer $(${programName} token alice)" \\
    -H 'Content-Type: application/json' -d '{"title": "Buy milk"}'

Exit codes: 0 done, 1 not done (standard error says why), 2 not understood.`
