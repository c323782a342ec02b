/**
 * Runs a program to its end and returns what it printed. Throws with the program's own words when it
 * fails, so that a missing tool or a refused directory needs no second look.
 */
export async function runCommand(command: string[], directory?: string): Promise<string> {
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe', ...(directory && { cwd: directory }) })
  const [output, complaint] = await Promise.all([child.stdout.text(), child.stderr.text()])
  if ((await child.exited) !== 0) {
    throw new Error(`${command.join(' ')} failed with exit code ${child.exitCode}:\n${complaint || output}`)
  }
  return output.trim()
}
