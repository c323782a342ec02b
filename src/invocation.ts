/** The executable's modules are in a file system of its own (on Windows a drive of its own). */
const isExecutable = /^(\/\$bunfs|B:[\\/]~BUN)/.test(import.meta.path)

/**
 * What to type for a command of this program, the way it was started: hints can be followed as they are.
 *
 * @param command with its arguments, such as `token alice`
 */
export const commandLine = (command: string): string =>
  `${isExecutable ? process.argv0 : 'bun run'} ${command}`

/** What to type for the program itself, in front of commands and options. */
export const programName = isExecutable ? process.argv0 : 'bun src/main.ts'
