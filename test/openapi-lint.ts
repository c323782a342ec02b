import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { temporaryDirectory } from './support/cleanup.ts'
import { documentWith } from './support/document.ts'

/** `bun run openapi:lint`: two validators that know nothing of each other read the OpenAPI document. */

/** True when both find no error. */
const isValid = async (document: Record<string, unknown>, file: string): Promise<boolean> => {
  await Bun.write(file, JSON.stringify(document, null, 2))
  const redocly = Bun.spawnSync(
    [process.execPath, '--bun', 'x', 'redocly', 'lint', '--extends=recommended', '--format=stylish', file],
    {
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      stdout: 'inherit',
      stderr: 'inherit',
    },
  )
  const { valid, errors } = await new Validator().validate(structuredClone(document))
  console.log('@seriousme/openapi-schema-validator:', valid ? 'valid' : errors)
  return redocly.exitCode === 0 && valid
}

const directory = temporaryDirectory('openapi')
let areValid = true
for (const variables of [{}, { DELETE_STATUS: '200', VALIDATION_ERROR_STATUS: '422' }]) {
  const document = await documentWith(variables)
  const operations = Object.values(document.paths as object).flatMap(Object.keys).length
  console.log(`\n${operations} operations, with`, variables)
  areValid = (await isValid(document, join(directory.path, 'openapi.json'))) && areValid
}
await directory.remove()
process.exit(areValid ? 0 : 1)
