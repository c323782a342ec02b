/** Common mistakes in connection strings, and what to do. The first match is reported. */
const MISTAKES: [looks: RegExp, problem: string][] = [
  [/[\t\r\n]/, 'has a line break or a tab in it: write it on one line'],
  [/^psql\s/, 'begins with psql: leave that away, and the quotes with it'],
  [/^(export +)?\w+=["']?postgres/i, 'begins with the name of a variable: leave that away'],
  [/^["'`‘’“”]|["'`‘’“”]$/, 'stands in quotes: leave them away'],
  [/^postgres(ql)?\+\w+:/i, 'names a driver: write postgresql:// in place of what ends with ://'],
  [/^\w+ *=/, 'is a list of keywords: write postgresql://user:password@host/database instead'],
]

/** Finds the mistake in a connection string. The message contains nothing of the text. */
export const describeMistake = (text: string): string | undefined =>
  MISTAKES.find(([looks]) => looks.test(text))?.[1]

const ESCAPES = Object.entries({ '#': '%23', '/': '%2F', '?': '%3F', '@': '%40' })

/**
 * Advice for a connection string with an unescaped character in the user name or the password. They are assumed to end at
 * the last `@`.
 */
export const describeUnescaped = (text: string): string | undefined => {
  const [, userInfo = ''] = /^postgres(?:ql)?:\/\/(.*)@/i.exec(text) ?? []
  const [user = ''] = userInfo.split(':', 1)
  const found = ESCAPES.filter(([character]) => userInfo.includes(character))
  if (found.length > 0) {
    const part = found.some(([character]) => user.includes(character)) ? 'user name' : 'password'
    const remedy = found.map(([character, escaped]) => `${character} as ${escaped}`).join(', ')
    return `has an unescaped character in the ${part}: write ${remedy}`
  }
  return /^postgres(ql)?:.*#/i.test(text) ? 'has an unescaped #: write it as %23' : undefined
}
