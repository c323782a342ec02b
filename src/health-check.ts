import { loadConfig } from './config.ts'

/**
 * `todo-backend --health`: exits 0 when the service on this machine, configured the same, is alive, else 1. For
 * a container's health check, in an image without curl.
 */

/** An address that can be asked, where the service listens on all. */
const hostOf = (host: string): string => {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

const isAlive = async (): Promise<boolean> => {
  const { host, port } = loadConfig()
  const answer = await fetch(`http://${hostOf(host)}:${port}/health`, { signal: AbortSignal.timeout(2000) })
  return answer.ok
}

process.exit((await isAlive().catch(() => false)) ? 0 : 1)
