/**
 * What `bun run build` makes the executable of: the service, or, by one argument, another of its programs.
 */
const programs: Record<string, () => Promise<unknown>> = {
  '': () => import('./main.ts'),
  '--health': () => import('./health-check.ts'),
  '--migrate': () => import('./migrate.ts'),
}

const [name = ''] = process.argv.slice(2)
const program = programs[name]
if (program) await program()
else {
  process.stderr.write(`usage: todo-backend [${Object.keys(programs).filter(Boolean).join(' | ')}]\n`)
  process.exit(2)
}
