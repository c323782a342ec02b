/**
 * Aborted by Ctrl-C or SIGTERM. The load then ends with an error, which takes the ordinary way up through
 * every `await using`: servers are stopped and the database's directory is removed.
 */
export const interruption = new AbortController()

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)))
}
