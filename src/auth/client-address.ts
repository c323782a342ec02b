import ipaddr from 'ipaddr.js'

/** As many bits of an IPv6 address as a network gives to one customer. */
const IPV6_PREFIX_BITS = 64

/** An address as some proxies write it, without its port. */
const withoutPort = (address: string): string =>
  /^\[(.+)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address

/** What an address counts as: IPv4, also where it is mapped into IPv6, or a /64; `undefined` for no address. */
const networkOf = (text: string): string | undefined => {
  const address = withoutPort(text.trim())
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return undefined
  const parsed = ipaddr.process(address)
  return parsed instanceof ipaddr.IPv6
    ? ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${IPV6_PREFIX_BITS}`).toString()
    : parsed.toString()
}

/** What the trusted proxy says the client's address is. */
const forwardedAddress = ({ headers }: Request, trustProxy: number | string): string => {
  if (typeof trustProxy === 'string') return headers.get(trustProxy) ?? ''
  const entries = headers.get('x-forwarded-for')?.split(',') ?? []
  return entries.at(-trustProxy) ?? ''
}

/**
 * Whom a request is counted for: the address of the connection or, behind proxies that are trusted, the one they
 * wrote. What is missing there, or is no address, counts as the connection's. An IPv6 address counts by its /64.
 *
 * @param trustProxy how many proxies append to `X-Forwarded-For`, 0 for none: with n it is the n-th entry from
 *   the end; or the name of the header that the platform sets to the address
 */
export const clientAddress = (request: Request, peer: string, trustProxy: number | string): string =>
  (trustProxy === 0 ? undefined : networkOf(forwardedAddress(request, trustProxy))) ?? networkOf(peer) ?? peer
