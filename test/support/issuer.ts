import { CompactSign, exportJWK, generateKeyPair, type JWK } from 'jose'
import { freePort } from './ports.ts'

/** A key of an issuer: signs tokens, and shows its public half in a key set. */
export interface SigningKey {
  /** As the key set has it. */
  jwk: JWK
  publicKey: CryptoKey
  /** A token; `header` is added to `alg` and `kid`, and `undefined` there takes away. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
}

/** Makes a key for one of the asymmetric algorithms. */
export const createSigningKey = async (alg: string, kid: string): Promise<SigningKey> => {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return {
    jwk: { ...(await exportJWK(publicKey)), alg, kid, use: 'sig' },
    publicKey,
    sign: (claims, header = {}) =>
      new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
        .setProtectedHeader(JSON.parse(JSON.stringify({ alg, kid, typ: 'JWT', ...header })))
        .sign(privateKey),
  }
}

/** An issuer of tokens as far as a service sees it: an HTTP server with a key set. */
export interface Issuer {
  url: URL
  /** What it shows from now on. */
  keys: JWK[]
  /** What it answers instead, when set. */
  answer: (() => Response | Promise<Response>) | undefined
  /** How often it was asked. */
  requests: number
  goDown(): Promise<void>
  comeBack(): void
  [Symbol.asyncDispose](): Promise<void>
}

export const startIssuer = async (keys: SigningKey[] = [], { down = false } = {}): Promise<Issuer> => {
  const port = await freePort()
  let server: Bun.Server<undefined> | undefined
  const issuer: Issuer = {
    url: new URL(`http://127.0.0.1:${port}/api/auth/jwks`),
    keys: keys.map(({ jwk }) => jwk),
    answer: undefined,
    requests: 0,
    async goDown() {
      await server?.stop(true)
      server = undefined
    },
    comeBack() {
      server ??= Bun.serve({
        hostname: '127.0.0.1',
        port,
        fetch() {
          issuer.requests += 1
          return issuer.answer?.() ?? Response.json({ keys: issuer.keys })
        },
      })
    },
    [Symbol.asyncDispose]: () => issuer.goDown(),
  }
  if (!down) issuer.comeBack()
  return issuer
}
