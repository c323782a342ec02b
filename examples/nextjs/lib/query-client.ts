import { QueryClient } from '@tanstack/react-query'
import { Refusal } from './tasks-api'

/** Whether the same request may succeed later: the service is busy or starting, or cannot be reached. */
const isTemporary = (error: Error): boolean =>
  error instanceof Refusal ? [429, 502, 503, 504].includes(error.status) : error instanceof TypeError

/** Every request here can be repeated without harm: none changes anything twice. */
const patient = {
  retry: (_failures: number, error: Error) => isTemporary(error),
  retryDelay: (failures: number, error: Error) =>
    error instanceof Refusal && error.retryAfterSeconds
      ? error.retryAfterSeconds * 1000
      : Math.min(500 * 2 ** failures, 5000),
}

/** Waits for the service as long as it takes; what is waited for is told on the page. */
export const createQueryClient = () =>
  new QueryClient({ defaultOptions: { queries: { ...patient, staleTime: 5000 }, mutations: patient } })
