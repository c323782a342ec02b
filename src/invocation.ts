/** The modules of the executable are in a virtual file system (on Windows, a virtual drive). */
const isExecutable = /^(\/\$bunfs|B:[\\/]~BUN)/.test(import.meta.path)

/**
 * The command line for a command of this program, in the form that was used to start it, for hints.
 *
 * @param command the command and its arguments, such as `token alice`
 */
export const commandLine = (command: string): string =>
  `${isExecutable ? process.argv0 : 'bun run'} ${command}`

/** The command line of the program itself. */
export const programName = isExecutable ? process.argv0 : 'bun src/main.ts'
