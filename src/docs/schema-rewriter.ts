/** A piece of a JSON document. */
export type Json = Record<string, unknown>

/** Keywords of TypeBox and Elysia that OpenAPI 3.0 does not have. */
const INTERNAL = ['$id', 'noValidate', 'additionalProperties', 'const']

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The alternative that makes Elysia's `t.Integer` accept text. */
const isNumberAsText = ({ type, format }: Json): boolean =>
  type === 'string' && (format === 'integer' || format === 'numeric')

/**
 * Rewrites TypeBox schemas for OpenAPI 3.0. `@elysiajs/swagger` copies them unchanged, with `const`, type `null`, `$id` and
 * the text form of integers, which validators and code generators reject (44 errors). A schema with a title
 * becomes a component of that name.
 */
export const schemaRewriter = () => {
  const schemas: Record<string, Json> = {}

  const alternatives = ({ anyOf, ...rest }: Json & { anyOf: Json[] }): Json => {
    const real = anyOf.filter((schema) => schema.type !== 'null' && !isNumberAsText(schema))
    const nullable = anyOf.some(({ type }) => type === 'null') && { nullable: true }
    const [only] = real
    return real.length === 1 && only
      ? { ...rewrite(only), ...rest, ...nullable }
      : { ...rest, ...nullable, anyOf: real.map(rewrite) }
  }

  const plain = (schema: Json): Json => {
    const result: Json = {}
    for (const [word, value] of Object.entries(schema)) {
      if (INTERNAL.includes(word)) continue
      if (word === 'properties')
        result[word] = Object.fromEntries(
          Object.entries(value as Record<string, Json>).map(([name, property]) => [name, rewrite(property)]),
        )
      else result[word] = word === 'items' && isObject(value) ? rewrite(value) : value
    }
    if ('const' in schema) result.enum = [schema.const]
    return result
  }

  const rewrite = (schema: Json): Json => {
    const { title, description, 'x-documented-as': documentedAs, ...rest } = schema
    if (isObject(documentedAs)) return { ...(description !== undefined && { description }), ...documentedAs }
    const described = { ...(description !== undefined && { description }), ...rest }
    const result = Array.isArray(rest.anyOf)
      ? alternatives(described as Json & { anyOf: Json[] })
      : plain(described)
    if (typeof title !== 'string') return result
    schemas[title] = result
    return { $ref: `#/components/schemas/${title}` }
  }

  return { schemas, rewrite }
}
