import { onlineManager } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'

/** Tells that there is no network. */
export function Connection() {
  const isOnline = useSyncExternalStore(
    (listener) => onlineManager.subscribe(listener),
    () => onlineManager.isOnline(),
    () => true,
  )
  return (
    <div role="status" className="connection">
      {!isOnline && (
        <p className="notice">You are offline. What you do is kept, and sent once you are back.</p>
      )}
    </div>
  )
}

/** What is known of a query or mutation under way. */
interface Attempt {
  isPending: boolean
  isPaused: boolean
  failureReason: Error | null
  error: Error | null
}

/** Tells what keeps an attempt from its end: that it waits for the service, or why it was refused. */
export function Outcome({ of: { isPending, isPaused, failureReason, error } }: { of: Attempt }) {
  if (error) return <p role="alert">{error.message}</p>
  if (!isPending || !(isPaused || failureReason)) return null
  return (
    <p className="waiting" role="status">
      {isPaused ? 'Waiting for the network …' : 'The service is not ready yet. Trying again …'}
    </p>
  )
}
