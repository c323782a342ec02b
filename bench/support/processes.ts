import { readdir, readFile } from 'node:fs/promises'
import { runCommand } from './run-command.ts'

const microsecondsPerTick = 1e6 / Number(await runCommand(['getconf', 'CLK_TCK']))

interface ProcessTimes {
  parent: number
  /** User and system time of all threads of the process, µs. */
  own: number
  /** The same of its children that have ended. */
  ended: number
}

/** The times of a process from `/proc/PID/stat`, or null when it has ended. See proc(5). */
async function readTimes(pid: number): Promise<ProcessTimes | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (text === null) return null
  // The second field is the program's name in parentheses and may hold anything: count after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = (...positions: number[]) =>
    positions.reduce((sum, position) => sum + Number(fields[position]), 0)
  return {
    parent: ticks(1),
    own: ticks(11, 12) * microsecondsPerTick,
    ended: ticks(13, 14) * microsecondsPerTick,
  }
}

/** CPU time of a running process so far, all its threads, user and system, in µs. */
export async function readCpu(pid: number): Promise<number> {
  const times = await readTimes(pid)
  if (!times) throw new Error(`process ${pid} has ended`)
  return times.own
}

/** CPU time of a process and of all the children it ever had, in µs: a postmaster with its backends. */
export async function readFamilyCpu(pid: number): Promise<number> {
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger)
  const [parent, ...all] = await Promise.all([pid, ...pids].map(readTimes))
  const children = all.filter((times) => times?.parent === pid)
  return (parent?.ended ?? 0) + [parent, ...children].reduce((sum, times) => sum + (times?.own ?? 0), 0)
}

/** CPU time that the whole machine has spent on anything, what a hypervisor took away included, in µs. */
export async function readMachineCpu(): Promise<number> {
  const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n')
  const [user = 0, nice = 0, system = 0, _idle, _iowait, interrupt = 0, softInterrupt = 0, stolen = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return (user + nice + system + interrupt + softInterrupt + stolen) * microsecondsPerTick
}

/** Resident memory of a process in MB (10⁶ bytes). */
export async function readRss(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6
}
