/** Networks that requests may come from, and the address that a request comes from. */
import { BlockList, isIP, isIPv4 } from 'node:net'

/** IPv4 in IPv6, as a socket that listens on both has it (RFC 4291 2.5.5.2). */
const MAPPED = /^::ffff:(?=\d+\.)/i

/**
 * Parses addresses and networks in CIDR notation.
 *
 * @returns the list, or the first item that is neither
 */
export function parseNetworks(items: readonly string[]): BlockList | { readonly wrong: string } {
  const list = new BlockList()
  for (const item of items) {
    const [, address = '', bits] = /^([\da-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(item) ?? []
    const family = isIP(address)
    const length = family === 4 ? 32 : 128
    const prefix = bits === undefined ? length : Number(bits)
    if (family === 0 || prefix < 1 || prefix > length || MAPPED.test(address)) {
      return { wrong: item }
    }
    list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}

/** An address with its port, as Azure's Application Gateway has it in X-Forwarded-For; IPv6 stands in brackets then. */
const WITH_PORT = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([\da-f:.]+)\]):\d+$/i

/**
 * Returns an address of X-Forwarded-For, or of a connection, without its port.
 *
 * @param address undefined if it cannot be told any more, as that of a client who has broken its connection off
 */
export function withoutPort(address = ''): string {
  const [, ipv4, ipv6 = ipv4] = WITH_PORT.exec(address) ?? []
  return ipv6 ?? address
}

/** Returns whether an address, or the IPv4 address in it, is in the list, whatever its port. What is no address is not. */
export function hasAddress(list: BlockList, address: string | undefined): boolean {
  const plain = withoutPort(address).replace(MAPPED, '')
  return isIP(plain) !== 0 && list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6')
}

/** Returns whether a host of an address, or one to listen on, is this machine. */
export function isLoopback(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || (isIPv4(host) && host.startsWith('127.'))
}
