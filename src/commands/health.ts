import type { Config } from '../config.ts'

/** An address that can be asked, where the service listens on all. */
const hostOf = (host: string): string => {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

/**
 * `health`: whether the service on this machine, configured the same, is alive. For a container's health check,
 * in an image without curl.
 */
export const isAlive = async ({ host, port }: Pick<Config, 'host' | 'port'>): Promise<boolean> => {
  try {
    const answer = await fetch(`http://${hostOf(host)}:${port}/health`, { signal: AbortSignal.timeout(2000) })
    return answer.ok
  } catch {
    return false
  }
}
