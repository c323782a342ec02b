import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { mutationKey, refreshLists, showAdded } from '@/lib/task-cache'
import type { NewTask } from '@/lib/tasks-api'
import { useTasks } from '@/lib/tasks-context'
import { useStored } from '@/lib/use-stored'
import { newTitleId, newTitleName } from './add-task'
import { Outcome } from './connection'

/** A task that the API has not acknowledged. */
export interface UnsentTask {
  /** Its `Idempotency-Key`: the same however often it is sent. */
  key: string
  task: NewTask
}

interface Props {
  unsent: UnsentTask[]
  forget: (key: string) => void
}

/** New tasks on their way, newest first. */
export function UnsentTasks({ unsent, forget }: Props) {
  return unsent.map((one) => <Row key={one.key} unsent={one} forget={() => forget(one.key)} />).reverse()
}

function Row({ unsent: { key, task }, forget }: { unsent: UnsentTask; forget: () => void }) {
  const { api, userId } = useTasks()
  const client = useQueryClient()
  const [, setTitle] = useStored('sessionStorage', newTitleName(userId), '')
  const sending = useMutation({
    mutationKey,
    // One after the other, in the order in which they were added.
    scope: { id: 'add' },
    mutationFn: () => api.create(task, key),
    onSuccess: async (added) => {
      await showAdded(client, added)
      forget()
    },
    onSettled: () => refreshLists(client),
  })

  const { mutate } = sending
  useEffect(mutate, [mutate])

  const takeBack = () => {
    setTitle(() => task.title)
    forget()
    document.getElementById(newTitleId)?.focus()
  }

  return (
    <li className="task" data-state="unsent">
      <span className="dot" aria-hidden="true" />
      <p className="title">{task.title}</p>
      <Outcome of={sending} />
      {sending.isError && (
        <p className="actions">
          <button type="button" className="primary" onClick={takeBack}>
            Change it
          </button>
          <button type="button" className="quiet" onClick={forget}>
            Discard
          </button>
        </p>
      )}
    </li>
  )
}
