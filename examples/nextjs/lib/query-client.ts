import { QueryClient } from '@tanstack/react-query'
import { Refusal } from './tasks-api'

/** Whether the same request may succeed later: the service is busy or starting, or cannot be reached. */
const isTemporary = (error: Error): boolean =>
  error instanceof Refusal ? [429, 502, 503, 504].includes(error.status) : error instanceof TypeError

/**
 * The API fetches this app's keys at most once in 10 s, and until then refuses a token of a key that was made since, also
 * one just renewed. After a while longer it is refused for another reason.
 */
const NEW_KEY_ATTEMPTS = 6
const NEW_KEY_DELAY_MS = 2000

const isRefusedToken = (error: Error): boolean => error instanceof Refusal && error.code === 'invalid_token'

/** Every request here can be repeated without harm: none changes anything twice. */
const patient = {
  retry: (failures: number, error: Error) =>
    isTemporary(error) || (isRefusedToken(error) && failures < NEW_KEY_ATTEMPTS),
  retryDelay: (failures: number, error: Error) => {
    if (isRefusedToken(error)) return NEW_KEY_DELAY_MS
    return error instanceof Refusal && error.retryAfterSeconds
      ? error.retryAfterSeconds * 1000
      : Math.min(500 * 2 ** failures, 5000)
  },
}

/** Waits for the service as long as it takes; what is waited for is told on the page. */
export const createQueryClient = () =>
  new QueryClient({ defaultOptions: { queries: { ...patient, staleTime: 5000 }, mutations: patient } })
