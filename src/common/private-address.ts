import type { LookupAddress } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** Networks that no public name leads to (RFC 6890), multicast (RFC 5771) and reserved addresses (RFC 1112 4). */
const PRIVATE_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

/** Unspecified, loopback, unique local (RFC 4193), link-local, site-local (RFC 3879) and multicast addresses. */
const PRIVATE_IPV6: readonly (readonly [string, number])[] = [
  ['::', 127],
  ['64:ff9b:1::', 48],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
]

const PRIVATE = createBlockList()

function createBlockList(): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of PRIVATE_IPV4) {
    // BlockList checks IPv4-mapped addresses, ::ffff:0:0/96, by the rules for IPv4
    list.addSubnet(network, prefix, 'ipv4')
    // IPv4-compatible (RFC 4291 2.5.5.1), NAT64 (RFC 6052 2.1) and 6to4 (RFC 3056 2) addresses contain an IPv4 address
    list.addSubnet(`::${network}`, 96 + prefix, 'ipv6')
    list.addSubnet(`64:ff9b::${network}`, 96 + prefix, 'ipv6')
    const [a = 0, b = 0, c = 0, d = 0] = network.split('.').map(Number)
    list.addSubnet(`2002:${hextet(a, b)}:${hextet(c, d)}::`, 16 + prefix, 'ipv6')
  }
  for (const [network, prefix] of PRIVATE_IPV6) {
    list.addSubnet(network, prefix, 'ipv6')
  }
  return list
}

function hextet(high: number, low: number): string {
  return (high * 256 + low).toString(16)
}

/**
 * Returns whether an address is that of a private network or of this machine, or is no address at all.
 *
 * @param address IPv4 or IPv6, without brackets
 */
export function isPrivateAddress(address: string): boolean {
  const [withoutZone = ''] = address.split('%')
  const version = isIP(withoutZone)
  return version === 0 || PRIVATE.check(withoutZone, version === 4 ? 'ipv4' : 'ipv6')
}

/**
 * Returns whether a host is private by its name alone, without a lookup.
 *
 * @param hostname host of a URL, where IPv6 addresses are in brackets
 */
export function isPrivateHost(hostname: string, isPrivate = isPrivateAddress): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  // Names under localhost lead to this machine (RFC 6761 6.3)
  return isIP(host) === 0 ? /^(.+\.)?localhost$/i.test(host) : isPrivate(host)
}

/**
 * Returns a lookup without private addresses. Connections are made to the addresses that it returns, so that a name
 * whose address changes between two lookups leads nowhere else.
 *
 * @param refusal error if no public address is left
 */
export function lookupPublic(
  lookup: LookupFunction,
  refusal: Error,
  isPrivate = isPrivateAddress,
): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, [])
        return
      }
      const allowed = (addresses as LookupAddress[]).filter(({ address }) => !isPrivate(address))
      const [first] = allowed
      if (first === undefined) {
        callback(refusal, [])
      } else if (options.all) {
        callback(null, allowed)
      } else {
        callback(null, first.address, first.family)
      }
    })
  }
}
