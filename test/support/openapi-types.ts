import { plugin } from 'bun'

/**
 * `bun openapi-types.ts <document> <types>`: what `npx openapi-typescript` does in a front end's project, whose
 * TypeScript it brings along. It needs TypeScript 5's API; here is 7, which has none yet.
 */
plugin({
  name: 'typescript-5',
  setup(build) {
    build.module('typescript', async () => ({ loader: 'object', exports: await import('typescript-5') }))
  },
})

const [document = '', types = ''] = process.argv.slice(2)
const { astToString, default: openapiTS } = await import('openapi-typescript')
await Bun.write(types, astToString(await openapiTS(await Bun.file(document).text())))
