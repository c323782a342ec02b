import { type FormEvent, type KeyboardEvent, useEffect, useRef } from 'react'
import { Conflict, type Draft } from '@/lib/save-draft'
import { filters } from '@/lib/task-list'
import { isGone, type Task, type TaskStatus } from '@/lib/tasks-api'
import { useTasks } from '@/lib/tasks-context'

const statuses: TaskStatus[] = ['pending', 'in_progress', 'completed']

interface Props {
  draft: Draft
  change: (part: Partial<Draft>) => void
  save: (draft: Draft) => void
  /** Why the last save failed. */
  error: Error | null
  close: () => void
}

/** The form in the place of a task. */
export function TaskEditor({ draft, change, save, error, close }: Props) {
  const title = useRef<HTMLInputElement>(null)
  useEffect(() => title.current?.focus(), [])

  const submit = (event: FormEvent) => {
    event.preventDefault()
    save(draft)
  }
  const onKeyDown = ({ key }: KeyboardEvent) => {
    if (key === 'Escape') close()
  }

  return (
    <form className="editor" aria-label="Edit task" onSubmit={submit} onKeyDown={onKeyDown}>
      <label>
        Title
        <input
          ref={title}
          value={draft.title}
          onChange={({ target }) => change({ title: target.value })}
          autoComplete="off"
          required
        />
      </label>
      <label>
        Description
        <textarea
          rows={3}
          value={draft.description}
          onChange={({ target }) => change({ description: target.value })}
        />
      </label>
      <label>
        Status
        <select
          value={draft.status}
          onChange={({ target }) => change({ status: target.value as TaskStatus })}
        >
          {statuses.map((status) => (
            <option key={status} value={status}>
              {filters[status]}
            </option>
          ))}
        </select>
      </label>
      {error instanceof Conflict ? (
        <ChangedElsewhere
          now={error.now.task}
          keepMine={() => save({ ...draft, etag: error.now.etag })}
          takeTheirs={close}
        />
      ) : (
        error && <Failure error={error} draft={draft} close={close} />
      )}
      {!(error instanceof Conflict) && (
        <p className="actions">
          <button type="button" className="quiet" onClick={close}>
            Cancel
          </button>
          <button type="submit" className="primary">
            Save
          </button>
        </p>
      )}
    </form>
  )
}

interface Choice {
  now: Task
  keepMine: () => void
  takeTheirs: () => void
}

function ChangedElsewhere({ now, keepMine, takeTheirs }: Choice) {
  return (
    <div className="conflict">
      <p role="alert">This task was changed elsewhere in the meantime. There it is now:</p>
      <dl>
        <dt>Title</dt>
        <dd>{now.title}</dd>
        <dt>Description</dt>
        <dd>{now.description ?? 'none'}</dd>
        <dt>Status</dt>
        <dd>{filters[now.status]}</dd>
      </dl>
      <p className="actions">
        <button type="button" className="quiet" onClick={takeTheirs}>
          Take that one
        </button>
        <button type="button" className="primary" onClick={keepMine}>
          Save mine
        </button>
      </p>
    </div>
  )
}

function Failure({ error, draft, close }: { error: Error; draft: Draft; close: () => void }) {
  const { add } = useTasks()
  if (!isGone(error)) return <p role="alert">{error.message}</p>

  const addAnew = () => {
    const { title, description, status } = draft
    add({ title, description: description || null, status })
    close()
  }
  return (
    <div role="alert">
      This task was deleted elsewhere.{' '}
      <button type="button" className="link" onClick={addAnew}>
        Add it anew
      </button>
    </div>
  )
}
