import { createLocalJWKSet, errors, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'
import { unavailable } from '../errors.ts'
import type { Log } from '../log.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

/** How old keys may be before they are fetched again, so that a withdrawn one stops working. */
const FRESH_FOR_MS = 10 * MINUTE_MS
/** How old they may be while the issuer is down. */
const USABLE_FOR_MS = 24 * 60 * MINUTE_MS
/** How often made-up key ids may make us ask the issuer. */
const COOLDOWN_MS = 10 * SECOND_MS
/** How often we ask as long as there are no keys at all. */
const FIRST_KEYS_COOLDOWN_MS = SECOND_MS
const FETCH_TIMEOUT_MS = 3 * SECOND_MS

export interface KeySetOptions {
  url: URL
  log: Log
  /** Milliseconds since 1970. */
  now: () => number
  fetch: (url: URL, init: RequestInit) => Promise<Response>
}

/** A key, and the generation of the set that it is from. */
export interface FoundKey {
  key: CryptoKey
  generation: number
}

/** The public keys of the issuer of tokens. */
export interface KeySet {
  /**
   * The key that a token's header names, or the only one that fits.
   *
   * @throws {AppError} `unavailable` when there are no keys yet and the issuer does not answer
   * @throws {errors.JOSEError} when no key fits, or several do
   */
  find(header: JWSHeaderParameters): Promise<FoundKey>
  /** A number that changes when the keys do. */
  generation(): number
  /** True when nothing has to be fetched before the keys are relied on. */
  isFresh(): boolean
}

/**
 * Keeps an issuer's key set: fetched when first needed, again every 10 minutes in use, and for a key id that
 * is not in it, but then at most once in 10 s. While the issuer is down the last keys are used, for a day.
 * https://www.rfc-editor.org/rfc/rfc7517#section-5
 */
export const createKeySet = ({ url, log, now, fetch }: KeySetOptions): KeySet => {
  let known: { keys: ReturnType<typeof createLocalJWKSet>; content: string; generation: number } | undefined
  let fetchedAt = Number.NEGATIVE_INFINITY
  let triedAt = Number.NEGATIVE_INFINITY
  let issuerIsDown = false
  let fetching: Promise<void> | undefined

  const download = async () => {
    triedAt = now()
    try {
      const response = await fetch(url, {
        headers: { accept: 'application/json' },
        redirect: 'error',
        signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
      })
      if (!response.ok) throw new Error(`the issuer answered ${response.status}`)
      const text = await response.text()
      if (text !== known?.content) {
        const keys = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet)
        known = { keys, content: text, generation: (known?.generation ?? 0) + 1 }
      }
      fetchedAt = now()
      issuerIsDown = false
    } catch (error) {
      // A failure while the keys are fresh spares nobody the wait when they no longer are.
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

  const lookUp = async (header: JWSHeaderParameters): Promise<FoundKey> => {
    if (!known || age() >= USABLE_FOR_MS) throw unavailable('no keys: the issuer cannot be reached')
    // Taken before the key is imported: meanwhile another set may arrive, which does not vouch for it.
    const { keys, generation } = known
    return { key: await keys(header), generation }
  }

  return {
    generation: () => known?.generation ?? 0,
    isFresh: () => age() < FRESH_FOR_MS,

    async find(header) {
      if (age() >= USABLE_FOR_MS) {
        await refresh(FIRST_KEYS_COOLDOWN_MS)
      } else if (age() >= FRESH_FOR_MS) {
        // An issuer that was down a moment ago is asked again, but nobody is kept waiting for it.
        const refreshed = refresh(COOLDOWN_MS)
        if (!issuerIsDown) await refreshed
      }
      try {
        return await lookUp(header)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
        await refresh(COOLDOWN_MS)
        return lookUp(header)
      }
    },
  }
}
