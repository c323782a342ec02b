import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useSearchParams } from 'next/navigation'
import { type ReactNode, useState } from 'react'
import { mutationKey, refreshLists, showRemoved } from '@/lib/task-cache'
import { filters, readFilter, taskList } from '@/lib/task-list'
import type { Filter, Task } from '@/lib/tasks-api'
import { useTasks } from '@/lib/tasks-context'
import { Outcome } from './connection'
import { Deleted } from './deleted'
import { TaskRow } from './task-row'

/** The tasks that the address asks for, page by page, below those that come first. */
export function TaskList({ children }: { children: ReactNode }) {
  const { api } = useTasks()
  const client = useQueryClient()
  const filter = readFilter(useSearchParams().get('status'))
  const list = useInfiniteQuery(taskList(api, filter))
  const { isPaused, failureReason, error } = list
  const tasks = list.data?.pages.flatMap((page) => page.tasks) ?? []

  const [deleted, setDeleted] = useState<Task>()
  const removal = useMutation({
    mutationKey,
    mutationFn: ({ id }: Task) => api.remove(id),
    onMutate: (task) => {
      setDeleted(task)
      return showRemoved(client, task.id)
    },
    onError: (_error, _task, putBack) => putBack?.(),
    onSettled: () => refreshLists(client),
  })

  return (
    <section aria-labelledby="list-heading">
      <div className="bar">
        <h2 id="list-heading" className="unseen">
          {filters[filter]}
        </h2>
        <Filters chosen={filter} />
        <p className="soft" role="status">
          {list.data && countOf(tasks.length, list.hasNextPage)}
        </p>
      </div>
      {deleted && <Deleted task={deleted} removal={removal} close={() => setDeleted(undefined)} />}
      <ul className="card list">
        {children}
        {tasks.map((task) => (
          <TaskRow key={task.id} task={task} remove={() => removal.mutate(task)} />
        ))}
      </ul>
      {list.data && tasks.length === 0 && <p className="empty">{emptyText[filter]}</p>}
      {list.isPending && !failureReason && !isPaused && <p className="empty">Loading …</p>}
      <Outcome of={{ isPending: list.fetchStatus !== 'idle', isPaused, failureReason, error }} />
      {error && (
        <button type="button" className="quiet" onClick={() => list.refetch()}>
          Try again
        </button>
      )}
      {list.hasNextPage && (
        <button
          type="button"
          className="more"
          disabled={list.isFetchingNextPage}
          onClick={() => list.fetchNextPage()}
        >
          Show more
        </button>
      )}
    </section>
  )
}

const countOf = (count: number, isMore: boolean): string =>
  isMore ? `The first ${count} tasks` : count === 1 ? '1 task' : `${count} tasks`

const emptyText: Record<Filter, string> = {
  all: 'Nothing here yet. What comes first?',
  pending: 'Nothing left to do.',
  in_progress: 'Nothing in progress.',
  completed: 'Nothing done yet.',
}

/** The choice of what is listed. It stands in the address, so that a reload or a link shows the same. */
function Filters({ chosen }: { chosen: Filter }) {
  const choose = (filter: string) =>
    history.replaceState(null, '', filter === 'all' ? '/' : `/?status=${filter}`)
  return (
    <fieldset className="filters">
      <legend className="unseen">Show</legend>
      {Object.entries(filters).map(([filter, name]) => (
        <button key={filter} type="button" aria-pressed={filter === chosen} onClick={() => choose(filter)}>
          {name}
        </button>
      ))}
    </fieldset>
  )
}
