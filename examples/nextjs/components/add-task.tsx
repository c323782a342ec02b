import type { FormEvent } from 'react'
import { useTasks } from '@/lib/tasks-context'
import { useStored } from '@/lib/use-stored'

export const newTitleId = 'new-title'
/** Where a title is kept that is still being typed. */
export const newTitleName = (userId: string) => `new-title:${userId}`

/** The field for a new task. */
export function AddTask() {
  const { add, userId } = useTasks()
  const [title, setTitle] = useStored('sessionStorage', newTitleName(userId), '')

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (title.trim() === '') return
    add({ title: title.trim() })
    setTitle(() => '')
  }

  return (
    <form className="card add" onSubmit={submit}>
      <label htmlFor={newTitleId} className="unseen">
        New task
      </label>
      <input
        id={newTitleId}
        value={title}
        onChange={({ target }) => setTitle(() => target.value)}
        placeholder="What comes next?"
        autoComplete="off"
      />
      <button type="submit" className="primary">
        Add
      </button>
    </form>
  )
}
