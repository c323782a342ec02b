import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from './run-command.ts'

const PEERS = join(import.meta.dir, '../peers')

/** Installs what the peers import, as their lock file has it. The service itself needs none of it. */
export async function installPeers(): Promise<void> {
  if (existsSync(join(PEERS, 'node_modules'))) return
  await runCommand([process.execPath, 'install', '--frozen-lockfile'], PEERS)
}
