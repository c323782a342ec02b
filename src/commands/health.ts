import { bypassProxyFor, type Config } from '../config.ts'

/** The addresses that can be asked: one of each family where the service listens on all of both. */
const addressesOf = (host: string): string[] => {
  if (host === '::') return ['127.0.0.1', '[::1]']
  if (host === '0.0.0.0') return ['127.0.0.1']
  return [host.includes(':') ? `[${host}]` : host]
}

/**
 * `health`: whether the service on this machine, configured the same, is alive. For a container's health check,
 * in an image without curl.
 */
export const isAlive = async ({ host, port }: Pick<Config, 'host' | 'port'>): Promise<boolean> => {
  bypassProxyFor(host)
  const answers = addressesOf(host).map(async (address) => {
    const answer = await fetch(`http://${address}:${port}/health`, { signal: AbortSignal.timeout(2000) })
    if (!answer.ok) throw new Error(`${answer.status}`)
  })
  return Promise.any(answers).then(
    () => true,
    () => false,
  )
}
