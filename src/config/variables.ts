import { DatabaseUrlError } from '../database-url.ts'
import { isNearMiss } from '../near-miss.ts'

/** A problem with one variable, in words that continue its name. */
export class VariableError extends Error {}

/** An environment. */
export type Variables = Record<string, string | undefined>

/** Reads single variables and collects their problems. An empty variable counts as absent. */
export const readVariables = (variables: Variables) => {
  const problems: string[] = []
  const known = new Set<string>()
  /** The value as it is, not trimmed. */
  const getRaw = (name: string): string | undefined => {
    known.add(name)
    return variables[name] || undefined
  }
  const get = (name: string): string | undefined => getRaw(name)?.trim() || undefined
  return {
    problems,
    getRaw,
    get,
    /** The first of these names that is set, else the first one. */
    firstSet: (...names: [string, ...string[]]): string => names.filter(get)[0] ?? names[0],
    /** Warnings about variables whose names are almost those of variables that were read. */
    misspellings: (): string[] =>
      Object.keys(variables).flatMap((name) => {
        const isSet = !known.has(name) && variables[name]
        const meant = isSet && [...known].find((other) => isNearMiss(name, other))
        return meant ? [`${name} is no variable of this service: if ${meant} is meant, correct the name`] : []
      }),
    integer(name: string, fallback: number, minimum: number, maximum: number): number {
      const text = get(name)
      if (text === undefined) return fallback
      const value = Number(text)
      if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value
      problems.push(`${name} must be a whole number from ${minimum} to ${maximum}`)
      return fallback
    },
    boolean(name: string, fallback: boolean): boolean {
      const text = get(name)
      if (text === undefined) return fallback
      if (text !== 'true' && text !== 'false') problems.push(`${name} must be true or false`)
      return text === 'true'
    },
    oneOf<const T extends string>(name: string, fallback: T, choices: readonly T[]): T {
      const text = get(name) ?? fallback
      const choice = choices.find((candidate) => candidate === text)
      if (choice === undefined) problems.push(`${name} must be one of ${choices.join(', ')}`)
      return choice ?? fallback
    },
    /** Parses a variable that is set. If `parse` throws a `VariableError`, its message is the problem, else `problem`. */
    parsed<T>(name: string, parse: (text: string) => T, problem = 'is not valid'): T | undefined {
      const text = get(name)
      if (text === undefined) return undefined
      try {
        return parse(text)
      } catch (error) {
        const isOurs = error instanceof DatabaseUrlError || error instanceof VariableError
        problems.push(`${name} ${isOurs ? error.message : problem}`)
        return undefined
      }
    },
  }
}

export type VariableReader = ReturnType<typeof readVariables>
