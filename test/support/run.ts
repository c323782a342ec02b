/** Runs a program to its end and gives its output; throws with what it said when it fails. */
export async function run(
  command: string[],
  options: { cwd?: string; input?: string } = {},
): Promise<string> {
  const child = Bun.spawn(command, {
    ...(options.cwd ? { cwd: options.cwd } : {}),
    stdin: options.input === undefined ? 'ignore' : new Blob([options.input]),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [code, out, err] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()])
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}: ${err || out}`)
  return out
}
