import { printable } from './log.ts'

/**
 * The service cannot start. The message tells the person who starts it why, and what to do. It may have several lines,
 * which no name or value in them can add to.
 */
export class StartError extends Error {
  constructor(message: string | string[], options?: ErrorOptions) {
    super([message].flat().map(printable).join('\n'), options)
  }
}

/** The meanings of the operating system's error codes. */
const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it is no directory',
  EIO: 'the disk does not work',
  ELOOP: 'its links go round in a circle',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'there is no such file or directory',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is no directory',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
}

/** The code of a system error (`ENOSPC`), or `undefined` for any other error. */
export const systemErrorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** A system error that somebody else has told in other words. */
export const systemError = (code: string): Error => Object.assign(new Error(code), { code })

/** Describes an error. */
export const reasonOf = (error: unknown): string => {
  const code = systemErrorCode(error)
  const words = code && REASONS[code]
  if (words) return `${words} (${code})`
  return error instanceof Error ? error.message : String(error)
}

/** Explains an error of listening by `HOST` and `PORT`. Other errors are returned unchanged. */
export const listenError = (cause: unknown, { host, port }: { host: string; port: number }): unknown => {
  switch (systemErrorCode(cause)) {
    case 'EADDRINUSE':
      return new StartError(`PORT: port ${port} is in use. Stop who uses it, or set PORT to another one.`, {
        cause,
      })
    case 'EACCES':
      return new StartError(
        `PORT: this user may not listen on port ${port}. Set PORT to one from 1024 on, or start with the privilege.`,
        { cause },
      )
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EINVAL':
    case 'ERR_INVALID_ARG_TYPE':
      return new StartError(
        `HOST: ${host} is no address of this machine. Set HOST to one that is, or leave it out for all of them.`,
        { cause },
      )
    default:
      return cause
  }
}

/** Explains an error of `DATA_DIR` or a file in it. */
export const dataDirError = (cause: unknown, path: string): StartError => {
  const code = systemErrorCode(cause)
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  const remedy = isFull
    ? 'Make room, or set DATA_DIR to a directory on another disk.'
    : 'Set DATA_DIR to a directory that this user may write to.'
  return new StartError(`DATA_DIR: ${path} cannot be used: ${reasonOf(cause)}. ${remedy}`, { cause })
}
