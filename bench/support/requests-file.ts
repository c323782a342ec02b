import type { BenchRequest } from './operations.ts'

/** Writes requests for `wrk.lua`: a line each, method, path, token and body separated by tabs. */
export async function writeRequests(path: string, requests: BenchRequest[]): Promise<string> {
  const lines = requests.map(({ method, path, token = '', body }) =>
    [method, path, token, body ? JSON.stringify(body) : ''].join('\t'),
  )
  await Bun.write(path, `${lines.join('\n')}\n`)
  return path
}
