'use client'

import { type DehydratedState, HydrationBoundary, QueryClientProvider } from '@tanstack/react-query'
import { useRouter } from 'next/navigation'
import { useCallback, useMemo, useState } from 'react'
import { authClient } from '@/lib/auth-client'
import { createBrowserApi } from '@/lib/browser-api'
import { createQueryClient } from '@/lib/query-client'
import type { NewTask } from '@/lib/tasks-api'
import { TasksProvider } from '@/lib/tasks-context'
import { useStored } from '@/lib/use-stored'
import { AddTask } from './add-task'
import { Connection } from './connection'
import { Mark } from './mark'
import { TaskList } from './task-list'
import { type UnsentTask, UnsentTasks } from './unsent-tasks'

const nothing: UnsentTask[] = []

interface Props {
  apiUrl: string
  user: { id: string; email: string }
  /** What the server has read for the first view. */
  firstList: DehydratedState
}

/** The tasks of one person. */
export function Tasks({ apiUrl, user, firstList }: Props) {
  const router = useRouter()
  const [client] = useState(createQueryClient)
  // What is not sent yet outlives a reload, together with its key: sent again, it adds no second task.
  const [unsent, setUnsent] = useStored('localStorage', `unsent:${user.id}`, nothing)

  const add = useCallback(
    (task: NewTask) => setUnsent((tasks) => [...tasks, { key: crypto.randomUUID(), task }]),
    [setUnsent],
  )
  const forget = useCallback(
    (key: string) => setUnsent((tasks) => tasks.filter((one) => one.key !== key)),
    [setUnsent],
  )
  const context = useMemo(() => {
    // Once it is rendered anew the page is the way in, or of whoever has signed in meanwhile.
    const api = createBrowserApi(apiUrl, user.id, () => router.refresh())
    return { api, userId: user.id, add }
  }, [apiUrl, user.id, router, add])

  const signOut = async () => {
    await authClient.signOut()
    sessionStorage.clear()
    router.refresh()
  }

  return (
    <QueryClientProvider client={client}>
      <HydrationBoundary state={firstList}>
        <TasksProvider value={context}>
          <header>
            <h1>
              <Mark /> Tasks
            </h1>
            <p className="soft">{user.email}</p>
            <button type="button" className="quiet" onClick={signOut}>
              Sign out
            </button>
          </header>
          <main>
            <Connection />
            <AddTask />
            <TaskList>
              <UnsentTasks unsent={unsent} forget={forget} />
            </TaskList>
          </main>
        </TasksProvider>
      </HydrationBoundary>
    </QueryClientProvider>
  )
}
