import type { InfiniteData, QueryClient } from '@tanstack/react-query'
import type { Filter, Page, Task } from './tasks-api'

type List = InfiniteData<Page, string | undefined>

/** What mutations of tasks have in common: while one is under way no list is read anew. */
export const mutationKey = ['tasks']

const shows = (filter: Filter, task: Task): boolean => filter === 'all' || filter === task.status

/** Changes every list that has been read; gives what takes that back. */
async function changeLists(client: QueryClient, change: (tasks: Task[], filter: Filter) => Task[]) {
  // A list that is on its way would overwrite the change with what was before it.
  await client.cancelQueries({ queryKey: mutationKey })
  const before = client.getQueriesData<List>({ queryKey: mutationKey })
  for (const [key, list] of before) {
    const filter = key[1] as Filter
    const pages = list?.pages.map((page) => ({ ...page, tasks: change(page.tasks, filter) }))
    if (list && pages) client.setQueryData<List>(key, { ...list, pages })
  }
  return () => {
    for (const [key, list] of before) client.setQueryData(key, list)
  }
}

/** Shows a task as it is now, wherever it is listed, and no more where it does not belong. */
export const showChanged = (client: QueryClient, changed: Task) =>
  changeLists(client, (tasks, filter) =>
    tasks.map((task) => (task.id === changed.id ? changed : task)).filter((task) => shows(filter, task)),
  )

export const showRemoved = (client: QueryClient, id: number) =>
  changeLists(client, (tasks) => tasks.filter((task) => task.id !== id))

/** Shows a new task at the top. */
export async function showAdded(client: QueryClient, added: Task) {
  await client.cancelQueries({ queryKey: mutationKey })
  for (const [key, list] of client.getQueriesData<List>({ queryKey: mutationKey })) {
    const [first, ...rest] = list?.pages ?? []
    if (!list || !first || !shows(key[1] as Filter, added)) continue
    const tasks = [added, ...first.tasks.filter((task) => task.id !== added.id)]
    client.setQueryData<List>(key, { ...list, pages: [{ ...first, tasks }, ...rest] })
  }
}

/** Reads the lists anew, unless another mutation is still under way and will. */
export const refreshLists = (client: QueryClient) => {
  if (client.isMutating({ mutationKey }) === 1) return client.invalidateQueries({ queryKey: mutationKey })
}
