import { chown } from 'node:fs/promises'

interface User {
  uid: number
  gid: number
}

/** PostgreSQL and PgBouncer refuse to run as root: this is who they run as then; null means as ourselves. */
function unprivilegedUser(): User | null {
  if (process.getuid?.() !== 0) return null
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Bun.spawnSync(['id', flag, name]))
    if (uid?.success && gid?.success) {
      return { uid: Number(uid.stdout.toString()), gid: Number(gid.stdout.toString()) }
    }
  }
  throw new Error('No unprivileged user found: neither "postgres" nor "nobody" exists')
}

/**
 * The command line that runs `command` without root's rights. `setpriv` becomes the command (it does not
 * stay as a parent), so the process id is the command's own.
 */
export function unprivileged(command: string[]): string[] {
  const user = unprivilegedUser()
  if (!user) return command
  return ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--', ...command]
}

/** Gives a file or directory to the user that `unprivileged` commands run as. */
export async function giveToUnprivileged(...paths: string[]): Promise<void> {
  const user = unprivilegedUser()
  if (!user) return
  for (const path of paths) await chown(path, user.uid, user.gid)
}
