import { createContext, useContext } from 'react'
import type { NewTask, TasksApi } from './tasks-api'

export interface TasksContext {
  api: TasksApi
  userId: string
  /** Adds a task: at once to what is seen, and to the API as soon as that takes it. */
  add: (task: NewTask) => void
}

const context = createContext<TasksContext | null>(null)
export const TasksProvider = context.Provider

/** What the parts of the list share. */
export function useTasks(): TasksContext {
  const value = useContext(context)
  if (!value) throw new Error('This is no part of <Tasks>')
  return value
}
