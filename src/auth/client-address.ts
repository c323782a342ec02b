import ipaddr from 'ipaddr.js'

/** As many bits of an IPv6 address as a network gives to one customer. */
const IPV6_PREFIX_BITS = 64

const network = (address: string): string => {
  if (!ipaddr.isValid(address)) return address.slice(0, 64)
  const parsed = ipaddr.process(address)
  return parsed instanceof ipaddr.IPv6
    ? ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${IPV6_PREFIX_BITS}`).toString()
    : parsed.toString()
}

/** An address as some proxies write it, without its port. */
const withoutPort = (address: string): string =>
  /^\[(.+)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address

/**
 * Whom a request is counted for: the address of the connection or, behind a proxy that is trusted, the last
 * entry of `X-Forwarded-For`, which that proxy wrote. An IPv6 address counts by its /64.
 */
export const clientAddress = (request: Request, peer: string, trustProxy: boolean): string => {
  const forwarded = trustProxy ? request.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined
  return network(withoutPort(forwarded || peer))
}
