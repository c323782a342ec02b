import ipaddr from 'ipaddr.js'

/** Providers give each customer at least a /64, so its addresses count as one. */
const IPV6_PREFIX_BITS = 64

/** Removes the port and brackets that some proxies write. */
const withoutPort = (address: string): string =>
  /^\[(.+)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address

/** The IPv4 address (also of an IPv4-mapped one) or the IPv6 /64; `undefined` for what is not an address. */
const networkOf = (text: string): string | undefined => {
  const address = withoutPort(text.trim())
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return undefined
  const parsed = ipaddr.process(address)
  return parsed instanceof ipaddr.IPv6
    ? ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${IPV6_PREFIX_BITS}`).toString()
    : parsed.toString()
}

/** The client's address as the trusted proxy gives it; empty when it does not. */
const forwardedAddress = ({ headers }: Request, trustProxy: number | string): string => {
  if (typeof trustProxy === 'string') return headers.get(trustProxy) ?? ''
  const entries = headers.get('x-forwarded-for')?.split(',') ?? []
  return entries.at(-trustProxy) ?? ''
}

/**
 * The address by which a request is limited: the connection's or, behind trusted proxies, the one that they wrote. If
 * that is missing or not an address, the connection's. An IPv6 address is cut to its /64.
 *
 * @param trustProxy how many proxies append to `X-Forwarded-For` (0 for none): n takes the n-th entry from the end; or
 *   the name of a header that the platform sets to the address
 */
export const clientAddress = (request: Request, peer: string, trustProxy: number | string): string =>
  (trustProxy === 0 ? undefined : networkOf(forwardedAddress(request, trustProxy))) ?? networkOf(peer) ?? peer
