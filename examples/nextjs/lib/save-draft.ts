import { Refusal, type Task, type TaskStatus, type TasksApi, type VersionedTask } from './tasks-api'

/** A task as somebody is writing it, and the version that they began with. */
export interface Draft {
  title: string
  description: string
  status: TaskStatus
  etag: string
}

/** The task was changed elsewhere since the draft was begun. */
export class Conflict extends Error {
  readonly now: VersionedTask

  constructor(now: VersionedTask) {
    super('This task was changed elsewhere in the meantime.')
    this.now = now
  }
}

export const draftOf = ({ task: { title, description, status }, etag }: VersionedTask): Draft => ({
  title,
  description: description ?? '',
  status,
  etag,
})

const changeOf = ({ title, description, status }: Draft) => ({
  title: title.trim(),
  description: description === '' ? null : description,
  status,
})

/** The task as it would be with the draft. */
export const withDraft = (task: Task, draft: Draft): Task => ({
  ...task,
  ...changeOf(draft),
  completed: draft.status === 'completed',
})

/**
 * Stores a draft, if nobody was faster.
 *
 * @throws {Conflict} when somebody was
 */
export async function saveDraft(api: TasksApi, id: number, draft: Draft): Promise<Task> {
  const change = changeOf(draft)
  try {
    return (await api.change(id, change, draft.etag)).task
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 412) throw error
    const now = await api.read(id)
    // It may have been this very change, whose answer was lost on the way.
    const { title, description, status } = now.task
    if (title === change.title && description === change.description && status === change.status)
      return now.task
    throw new Conflict(now)
  }
}
