import { bypassProxyFor, type Config } from '../config.ts'
import { reasonOf, StartError } from '../system-error.ts'

/** No healthy service answered. */
export class HealthError extends StartError {}

/** The addresses that can be asked: one of each family where the service listens on all of both. */
const addressesOf = (host: string): string[] => {
  if (host === '::') return ['127.0.0.1', '[::1]']
  if (host === '0.0.0.0') return ['127.0.0.1']
  return [host.includes(':') ? `[${host}]` : host]
}

/**
 * `health`: asks whether the service on this machine, configured the same, is alive. For a container's health check,
 * in an image without curl.
 *
 * @throws {HealthError} when it is not
 */
export const askHealth = async ({ host, port }: Pick<Config, 'host' | 'port'>): Promise<void> => {
  bypassProxyFor(host)
  const urls = addressesOf(host).map((address) => `http://${address}:${port}/health`)
  const answers = urls.map(async (url) => {
    const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(2000) })
    if (!ok) throw new Error(`it answered ${status}`)
  })
  await Promise.any(answers).catch(({ errors }: AggregateError) => {
    const reasons = urls.map((url, index) => `  ${url}: ${reasonOf(errors[index])}`)
    throw new HealthError(['There is no healthy service here:', ...reasons])
  })
}
