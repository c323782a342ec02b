import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { type Draft, draftOf, saveDraft, withDraft } from '@/lib/save-draft'
import { mutationKey, refreshLists, showChanged } from '@/lib/task-cache'
import { isGone, type Task } from '@/lib/tasks-api'
import { useTasks } from '@/lib/tasks-context'
import { useStored } from '@/lib/use-stored'
import { Outcome } from './connection'
import { Icon } from './icon'
import { TaskEditor } from './task-editor'

const noDraft = null as Draft | null

/** A task of the list: to be completed, deleted, or edited in its place. */
export function TaskRow({ task, remove }: { task: Task; remove: () => void }) {
  const { api, userId } = useTasks()
  const client = useQueryClient()
  const editButton = useRef<HTMLButtonElement>(null)
  const [draft, setDraft] = useStored('sessionStorage', `draft:${userId}:${task.id}`, noDraft)
  // What is done to one task is done in that order.
  const shared = { mutationKey, scope: { id: `task ${task.id}` }, onSettled: () => refreshLists(client) }

  const completion = useMutation({
    ...shared,
    mutationFn: (completed: boolean) => api.complete(task.id, completed),
    onMutate: (completed) =>
      showChanged(client, { ...task, completed, status: completed ? 'completed' : 'pending' }),
    onSuccess: (changed) => showChanged(client, changed),
    onError: (_error, _completed, takeBack) => takeBack?.(),
  })

  const saving = useMutation({
    ...shared,
    mutationFn: (draft: Draft) => saveDraft(api, task.id, draft),
    onSuccess: async (changed) => {
      await showChanged(client, changed)
      setDraft(() => null)
    },
    // A task that is gone stays as long as its draft does: the list as it is now would take both away.
    onSettled: (_changed, error) => (isGone(error) ? undefined : refreshLists(client)),
  })

  // Read anew, for its entity tag and because the list may be older.
  const opening = useMutation({
    mutationFn: () => api.read(task.id),
    onSuccess: (read) => setDraft(() => draftOf(read)),
  })

  const isEditing = draft !== null && !saving.isPending
  const wasEditing = useRef(false)
  // The form takes the keyboard's place with it when it goes.
  useEffect(() => {
    if (wasEditing.current && !isEditing) editButton.current?.focus()
    wasEditing.current = isEditing
  }, [isEditing])

  const close = () => {
    setDraft(() => null)
    if (saving.isError) client.invalidateQueries({ queryKey: mutationKey })
    saving.reset()
  }

  if (isEditing)
    return (
      <li className="task" data-state="editing">
        <TaskEditor
          draft={draft}
          change={(part) => setDraft((before) => before && { ...before, ...part })}
          save={saving.mutate}
          error={saving.error}
          close={close}
        />
      </li>
    )

  const shown = draft && saving.isPending ? withDraft(task, draft) : task
  return (
    <li className="task" data-status={shown.status}>
      <label>
        <input
          type="checkbox"
          checked={shown.completed}
          onChange={({ target }) => completion.mutate(target.checked)}
        />
        <span className="title">{shown.title}</span>
      </label>
      <span className="actions">
        <button
          type="button"
          className="quiet"
          ref={editButton}
          aria-label={`Edit ${shown.title}`}
          title="Edit"
          onClick={() => opening.mutate()}
        >
          <Icon name="edit" />
        </button>
        <button
          type="button"
          className="quiet"
          aria-label={`Delete ${shown.title}`}
          title="Delete"
          onClick={remove}
        >
          <Icon name="delete" />
        </button>
      </span>
      {(shown.status === 'in_progress' || shown.description) && (
        <div className="details">
          {shown.status === 'in_progress' && <span className="badge">In progress</span>}
          {shown.description && <p>{shown.description}</p>}
        </div>
      )}
      <Outcome of={completion} />
      <Outcome of={opening} />
      <Outcome of={saving} />
    </li>
  )
}
