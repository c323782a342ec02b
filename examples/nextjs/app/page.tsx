import { dehydrate, QueryClient } from '@tanstack/react-query'
import { headers } from 'next/headers'
import { SignIn } from '@/components/sign-in'
import { Tasks } from '@/components/tasks'
import { auth } from '@/lib/auth'
import { apiUrl, databaseUrl } from '@/lib/config'
import { createServerApi } from '@/lib/server-api'
import { readFilter, taskList } from '@/lib/task-list'

/** The tasks of whoever is signed in, with the first list in the HTML; else the way in. */
export default async function Home({ searchParams }: PageProps<'/'>) {
  const session = await auth.api.getSession({ headers: await headers() })
  return (
    <>
      {session ? await tasksOf(session.user, (await searchParams).status) : <SignIn />}
      {!databaseUrl && (
        <footer>
          Accounts are kept in memory, and gone when this server stops. <code>DATABASE_URL</code> keeps them.
        </footer>
      )}
    </>
  )
}

async function tasksOf({ id, email }: { id: string; email: string }, status: unknown) {
  const client = new QueryClient()
  // When the API cannot answer in time the page comes without a list, and the browser goes on asking.
  await client.prefetchInfiniteQuery(taskList(await createServerApi(), readFilter(status)))
  return <Tasks key={id} apiUrl={apiUrl} user={{ id, email }} firstList={dehydrate(client)} />
}
