import type { UseMutationResult } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import type { Task } from '@/lib/tasks-api'
import { useTasks } from '@/lib/tasks-context'
import { Outcome } from './connection'
import { Icon } from './icon'

interface Props {
  task: Task
  removal: UseMutationResult<void, Error, Task, unknown>
  close: () => void
}

/** Tells what was deleted, and takes it back: as a new task, because the API has forgotten the old one. */
export function Deleted({ task, removal, close }: Props) {
  const { add } = useTasks()
  const undoButton = useRef<HTMLButtonElement>(null)
  // The button that was pressed is gone; the next one in turn is this.
  // biome-ignore lint/correctness/useExhaustiveDependencies: anew for every task
  useEffect(() => undoButton.current?.focus(), [task.id])

  const undo = () => {
    const { title, description, status } = task
    add({ title, description, status })
    close()
  }

  return (
    <div className="notice deleted">
      <p role="status">
        {removal.isError ? 'Not deleted: ' : 'Deleted: '}
        <b>{task.title}</b>
      </p>
      <Outcome of={removal} />
      {!removal.isError && (
        <button type="button" className="quiet" ref={undoButton} onClick={undo}>
          Undo
        </button>
      )}
      <button type="button" className="quiet" onClick={close} aria-label="Close">
        <Icon name="close" />
      </button>
    </div>
  )
}
