import { importJWK } from 'jose'

/** A public key for one algorithm. */
export interface VerificationKey {
  kid: string | undefined
  alg: string
  key: CryptoKey
  /** The public members as text, to recognize the same key under two names. */
  material: string
}

/** The algorithms of each kind of key. That of Ed25519 has two names (RFC 9864). */
const ALGORITHMS: Record<string, readonly string[]> = {
  'OKP Ed25519': ['EdDSA', 'Ed25519'],
  'EC P-256': ['ES256'],
  'EC P-521': ['ES512'],
  RSA: ['RS256', 'PS256'],
}

/** All algorithms of asymmetric keys. */
export const ASYMMETRIC: readonly string[] = Object.values(ALGORITHMS).flat()

const MIN_RSA_BITS = 2048

/** A key that cannot verify tokens here, for any reason. It is left out. */
class UnusableKey extends Error {}

const textOf = (value: unknown): string | undefined => {
  if (value !== undefined && typeof value !== 'string') throw new UnusableKey()
  return value
}

/** The keys of one member of a set: one for each of its algorithms. */
const keysOf = async (jwk: Record<string, unknown>): Promise<VerificationKey[]> => {
  const { kty, crv, x, y, n, e, use, key_ops: operations } = jwk
  const [kid, alg] = [textOf(jwk.kid), textOf(jwk.alg)]
  const ofKind = ALGORITHMS[kty === 'RSA' ? 'RSA' : `${kty} ${crv}`] ?? []
  const isForEdwards = alg === 'EdDSA' || alg === 'Ed25519'
  const algorithms =
    alg === undefined || (isForEdwards && kty === 'OKP') ? ofKind : ofKind.filter((one) => one === alg)
  const isForVerifying =
    (use ?? 'sig') === 'sig' && (!Array.isArray(operations) || operations.includes('verify'))
  if (algorithms.length === 0 || !isForVerifying) throw new UnusableKey()
  // Only the public members. With a private one it would be a signing key.
  const material = { kty, crv, x, y, n, e } as Parameters<typeof importJWK>[0]
  return Promise.all(
    algorithms.map(async (algorithm) => {
      const key = (await importJWK(material, algorithm)) as CryptoKey
      const { modulusLength = MIN_RSA_BITS } = key.algorithm as { modulusLength?: number }
      if (modulusLength < MIN_RSA_BITS) throw new UnusableKey()
      return { kid, alg: algorithm, key, material: JSON.stringify(material) }
    }),
  )
}

/**
 * Reads a key set. Unusable members are left out, as RFC 7517 requires.
 * https://www.rfc-editor.org/rfc/rfc7517#section-5
 *
 * @returns the keys, and the positions (from 1) of the members that are left out
 * @throws {Error} when it is not a key set
 */
export const readKeySet = async (
  text: string,
): Promise<{ keys: VerificationKey[]; leftOut: number[]; size: number }> => {
  const members: unknown = (JSON.parse(text) as { keys?: unknown } | null)?.keys
  const isSet =
    Array.isArray(members) && (members.length === 0 || members.some((one) => typeof one === 'object'))
  if (!isSet) throw new Error('it is not a key set')
  const results = await Promise.allSettled(members.map(async (member) => keysOf(member)))
  return {
    keys: results.flatMap((result) => (result.status === 'fulfilled' ? result.value : [])),
    leftOut: results.flatMap(({ status }, index) => (status === 'rejected' ? index + 1 : [])),
    size: members.length,
  }
}
