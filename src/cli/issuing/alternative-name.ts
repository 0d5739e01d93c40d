import { isIP } from 'node:net'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'

/** Tags of GeneralName (RFC 5280 4.2.1.6). */
const RFC822_NAME = 1
const DNS_NAME = 2
const UNIFORM_RESOURCE_IDENTIFIER = 6
const IP_ADDRESS = 7

const HOST =
  /^(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i
const LOCAL_PART = /^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}$/i

/**
 * Parses a subject alternative name: `DNS:sign.example.com`, `email:signer@example.com`, `URI:https://example.com/` or
 * `IP:192.0.2.1`.
 *
 * @throws Error whose message says what the name must be
 */
export function parseAlternativeName(text: string): pkijs.GeneralName {
  const [kind = ''] = text.split(':', 1)
  const value = text.slice(kind.length + 1)
  const check = (valid: boolean, wanted: string) => {
    if (!valid) {
      throw new Error(`after its first colon it must be ${wanted}`)
    }
  }
  switch (kind.toLowerCase()) {
    case 'dns':
      check(HOST.test(value), 'a host name in ASCII')
      return new pkijs.GeneralName({ type: DNS_NAME, value })
    case 'email':
      check(isMailAddress(value), 'a mail address in ASCII')
      return new pkijs.GeneralName({ type: RFC822_NAME, value })
    case 'uri':
      check(isAbsoluteUri(value), 'an absolute URI in ASCII')
      return new pkijs.GeneralName({ type: UNIFORM_RESOURCE_IDENTIFIER, value })
    case 'ip':
      // A zone has a meaning on one machine only
      check(isIP(value) !== 0 && !value.includes('%'), 'an IP address')
      return new pkijs.GeneralName({ type: IP_ADDRESS, value: encodeAddress(value) })
    default:
      throw new Error('it must begin with DNS:, email:, URI: or IP:')
  }
}

function isMailAddress(value: string): boolean {
  const [local = '', host = '', ...rest] = value.split('@')
  return rest.length === 0 && LOCAL_PART.test(local) && HOST.test(host)
}

function isAbsoluteUri(value: string): boolean {
  return /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(value) && URL.canParse(value)
}

/** Encodes an address in 4 or 16 bytes. */
function encodeAddress(value: string): asn1js.OctetString {
  const valueHex = isIP(value) === 6 ? encodeIpv6(value) : Uint8Array.from(value.split('.'), Number)
  return new asn1js.OctetString({ valueHex })
}

/** Encodes an address that the URL parser normalizes to at most eight groups of hexadecimal digits, and one ::. */
function encodeIpv6(value: string): Buffer {
  const { hostname } = new URL(`http://[${value}]`)
  const [head = [], tail = []] = hostname
    .slice(1, -1)
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  return Buffer.from([...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex')
}
