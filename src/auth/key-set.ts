import { unavailable } from '../errors.ts'
import type { Log } from '../log.ts'
import { readBounded } from './bounded-fetch.ts'
import { readKeySet, type VerificationKey } from './jwks.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

/** Keys older than this are fetched again, so that a revoked key stops working. */
const FRESH_FOR_MS = 10 * MINUTE_MS
/** While the issuer is down, keys are used until this age. */
const USABLE_FOR_MS = 24 * 60 * MINUTE_MS
/** The shortest time between two fetches, so that made-up key ids cannot flood the issuer. */
const COOLDOWN_MS = 10 * SECOND_MS
/** The same while there are no keys at all. */
const FIRST_KEYS_COOLDOWN_MS = SECOND_MS
const FETCH_TIMEOUT_MS = 3 * SECOND_MS
const MAX_BYTES = 1_048_576

export interface KeySetOptions {
  url: URL
  log: Log
  /** Milliseconds of a monotonic clock. Setting the system's clock must not change the age of keys. */
  now: () => number
  fetch: (url: URL, init: BunFetchRequestInit) => Promise<Response>
}

/** The fields of a token's header that select a key. */
export interface KeyHint {
  alg: string
  kid: string | undefined
}

/** The keys that may verify a token, and the generation of their key set. */
export interface FoundKeys {
  keys: VerificationKey[]
  generation: number
}

/** The public keys of the issuer. */
export interface KeySet {
  /**
   * The keys for an algorithm and, if given, a key id. Empty if there are none.
   *
   * @throws {AppError} `unavailable` when there are no keys yet and the issuer does not answer
   */
  find(hint: KeyHint): Promise<FoundKeys>
  /** A number that changes when the keys do. */
  generation(): number
  /** True while the keys need not be fetched again. */
  isFresh(): boolean
}

/**
 * Keeps an issuer's key set. It is fetched when first needed, every 10 minutes in use, and for an unknown key id, but
 * at most once in 10 s. While the issuer is down, the last keys are used for up to 24 h.
 * https://www.rfc-editor.org/rfc/rfc7517#section-5
 */
export const createKeySet = ({ url, log, now, fetch }: KeySetOptions): KeySet => {
  let known: { keys: VerificationKey[]; content: string; generation: number } | undefined
  let fetchedAt = Number.NEGATIVE_INFINITY
  let triedAt = Number.NEGATIVE_INFINITY
  let issuerIsDown = false
  let fetching: Promise<void> | undefined

  const download = async () => {
    triedAt = now()
    try {
      const response = await fetch(url, {
        headers: { accept: 'application/json', 'accept-encoding': 'identity' },
        decompress: false,
        redirect: 'error',
        signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
      })
      if (!response.ok) throw new Error(`the issuer answered ${response.status}`)
      const content = await readBounded(response, MAX_BYTES)
      if (content !== known?.content) {
        const { keys, leftOut, size } = await readKeySet(content)
        known = { keys, content, generation: (known?.generation ?? 0) + 1 }
        if (leftOut.length > 0)
          log.warn('keys of the key set are left out: they cannot verify any token here', {
            positions: leftOut.slice(0, 20).join(),
            of: size,
          })
      }
      fetchedAt = now()
      issuerIsDown = false
    } catch (error) {
      // Only a failure with stale keys counts: after one with fresh keys, the next refresh is still awaited.
      issuerIsDown = age() >= FRESH_FOR_MS
      log.warn('the key set could not be fetched', { reason: String(error) })
    } finally {
      fetching = undefined
    }
  }

  /** Fetches the keys unless that was tried within `cooldownMs`; joins a fetch under way. */
  const refresh = (cooldownMs: number): Promise<void> | undefined => {
    if (!fetching && now() - triedAt >= cooldownMs) fetching = download()
    return fetching
  }

  const age = () => now() - fetchedAt

  const lookUp = ({ alg, kid }: KeyHint): FoundKeys => {
    if (!known || age() >= USABLE_FOR_MS) throw unavailable('no keys: the issuer cannot be reached')
    const keys = known.keys.filter((key) => key.alg === alg && (kid === undefined || key.kid === kid))
    return { keys, generation: known.generation }
  }

  return {
    generation: () => known?.generation ?? 0,
    isFresh: () => age() < FRESH_FOR_MS,

    async find(hint) {
      if (age() >= USABLE_FOR_MS) {
        await refresh(FIRST_KEYS_COOLDOWN_MS)
      } else if (age() >= FRESH_FOR_MS) {
        // If the issuer was down at the last fetch, refresh in the background.
        const refreshed = refresh(COOLDOWN_MS)
        if (!issuerIsDown) await refreshed
      }
      const found = lookUp(hint)
      if (found.keys.length > 0) return found
      await refresh(COOLDOWN_MS)
      return lookUp(hint)
    },
  }
}
