import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Runs a shell command when this process has ended, however it ended; the function it gives cancels that.
 *
 * `bun test` fires no `exit` event, and nothing fires on `kill -9`. A child that waits for the end of its
 * standard input sees them all: the kernel closes the pipe.
 */
export function atProcessEnd(command: string, ...args: string[]): () => void {
  const script = `trap '' HUP INT TERM; while read -r _; do :; done; ${command}`
  const child = Bun.spawn(['sh', '-c', script, 'sh', ...args], {
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
  })
  child.unref()
  return () => child.kill('SIGKILL')
}

/** A fresh directory that does not outlive this process, even when nobody calls `remove`. */
export function temporaryDirectory(name: string): { path: string; remove: () => Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), `${name}-`))
  // Again while it fails: a process that is being killed at the same time may still write there.
  const cancel = atProcessEnd('until rm -rf "$1"; do sleep 0.1; done', path)
  return {
    path,
    async remove() {
      cancel()
      await rm(path, { recursive: true, force: true })
    },
  }
}
