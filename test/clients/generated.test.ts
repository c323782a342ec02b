import { expect, test } from 'bun:test'
import { clientFile, generateClientTypes } from './generate.ts'

test('the types that front ends get are those of the routes as they are now (else: bun run client:generate)', async () => {
  for (const [name, text] of Object.entries(await generateClientTypes()))
    expect(await Bun.file(clientFile(name)).text()).toBe(text)
}, 60_000)
