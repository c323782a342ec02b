import { infiniteQueryOptions } from '@tanstack/react-query'
import type { Filter, TasksApi } from './tasks-api'

/** The lists there are, by what people call them. */
export const filters: Record<Filter, string> = {
  all: 'All',
  pending: 'To do',
  in_progress: 'In progress',
  completed: 'Done',
}

/** The filter that an address asks for. */
export const readFilter = (status: unknown): Filter =>
  typeof status === 'string' && Object.hasOwn(filters, status) ? (status as Filter) : 'all'

/** A list of tasks, page by page: the same query on the server and in the browser. */
export const taskList = (api: TasksApi, filter: Filter) =>
  infiniteQueryOptions({
    queryKey: ['tasks', filter],
    queryFn: ({ pageParam }) => api.list(filter, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
  })
