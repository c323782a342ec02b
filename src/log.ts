/** The log levels, from everything to nothing. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** The fields of a line. Never a token, a password, a connection string or a body. */
export type LogFields = Record<string, unknown>

/** Writes one line per event. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** Writes the buffered lines. Call it before the process ends. */
  flush(): void
}

export interface LogOptions {
  level: LogLevel
  /** `json` for machines, `text` for a terminal. */
  format: 'json' | 'text'
  /** Writes lines; to standard output by default. */
  write?: (chunk: string) => void
  /** Milliseconds since 1970. */
  now?: () => number
}

const FLUSH_AFTER_MS = 20
const FLUSH_AT_LENGTH = 32_768

/** Redacts the user and password in a word with a URL: everything between `://` and the last `@`, except for `file://`. */
const redactUrl = (word: string): string => {
  const end = word.lastIndexOf('@')
  let scheme = word.indexOf('://')
  while (scheme >= 0 && /(?:^|\W)file$/i.test(word.slice(Math.max(0, scheme - 5), scheme)))
    scheme = word.indexOf('://', scheme + 3)
  return scheme < 1 || end < scheme ? word : `${word.slice(0, scheme + 3)}[redacted]${word.slice(end)}`
}

/**
 * Redacts credentials in the texts of others, such as a driver's error: the user and password of a URL, bearer tokens and
 * JWTs. Takes linear time for any text.
 */
const redact = (line: string): string =>
  line
    .replace(/[^\s"']+/g, (word) => (word.includes('://') ? redactUrl(word) : word))
    .replace(/\beyJ[\w.-]*/g, '[redacted]')
    .replace(/\bBearer +[^\s"',}]+/gi, 'Bearer [redacted]')

/**
 * A line for a terminal: control and formatting characters are escaped, as JSON does. What others wrote into it, such as a
 * column's name, cannot end the line, begin another or change the terminal.
 */
export const printable = (line: string): string =>
  line.replace(/[\p{C}\u2028\u2029]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )

const textValue = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)
}

const textLine = (time: string, level: string, message: string, fields: LogFields): string => {
  const { stack, ...rest } = fields
  let line = `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${message}`
  for (const name in rest) if (rest[name] !== undefined) line += ` ${name}=${textValue(rest[name])}`
  // Further lines are indented, so that they do not look like separate events.
  const lines = typeof stack === 'string' ? `${line}\n${stack}` : line
  return lines.split('\n').map(printable).join('\n  ')
}

/**
 * Makes a log. Lines are buffered for up to 20 ms, because a system call for each line would cost as much as half a request.
 * Errors are written at once. Errors and warnings may quote the texts of others, so credentials in them are redacted.
 */
export const createLog = ({
  level: lowestLevel,
  format,
  write = (chunk) => process.stdout.write(chunk),
  now = Date.now,
}: LogOptions): Log => {
  let lastMs = Number.NaN
  let lastTime = ''
  /** The time as text. It is cached, because under load many lines have the same millisecond. */
  const timestamp = (): string => {
    const ms = now()
    if (ms !== lastMs) {
      lastMs = ms
      lastTime = new Date(ms).toISOString()
    }
    return lastTime
  }

  const threshold = LOG_LEVELS.indexOf(lowestLevel)
  let held = ''
  let timer: ReturnType<typeof setTimeout> | undefined

  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    if (held === '') return
    const chunk = held
    held = ''
    write(chunk)
  }

  const jsonLine = (level: string, message: string, fields: LogFields): string => {
    // In two parts, because copying the fields into one object costs more than writing them.
    const start = JSON.stringify({ time: timestamp(), level, message })
    const rest = JSON.stringify(fields)
    return rest === '{}' ? start : `${start.slice(0, -1)},${rest.slice(1)}`
  }

  const at = (level: Exclude<LogLevel, 'silent'>) => {
    if (LOG_LEVELS.indexOf(level) < threshold) return () => {}
    const mayQuoteOthers = level === 'warn' || level === 'error'
    return (message: string, fields: LogFields = {}) => {
      const line =
        format === 'json' ? jsonLine(level, message, fields) : textLine(timestamp(), level, message, fields)
      held += `${mayQuoteOthers ? redact(line) : line}\n`
      if (level === 'error' || held.length > FLUSH_AT_LENGTH) flush()
      else timer ??= setTimeout(flush, FLUSH_AFTER_MS)
    }
  }

  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush,
  }
}
