import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { runCommand } from './run-command.ts'

/** What the figures were taken on. Without it they say nothing to anybody else. */
export async function describeMachine() {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    bun: Bun.version,
    node: await runCommand(['node', '--version']),
    postgres: await runCommand(['pg_config', '--version']),
  }
}

export type Machine = Awaited<ReturnType<typeof describeMachine>>
