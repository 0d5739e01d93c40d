/** Reads what both ways of the service answer in JSON, as strictly as the SDK does. */
import { X509Certificate } from 'node:crypto'
import type { Handed } from './signing-data.ts'

/** The members are strings in base64 where nothing else is said. */
export interface JsonAnswer {
  readonly certificates?: readonly string[]
  readonly ca_certificates?: readonly string[]
  readonly signedData?: string
  readonly pkcs7?: string
  readonly timestampResponse?: string
  readonly ocspResponses?: readonly { readonly serialNumber: string; readonly body: string }[]
  readonly crls?: readonly string[]
  /** Not base64. */
  readonly level?: Handed['level']
  /** Not base64. */
  readonly shortfall?: string
}

/** Returns certificates as DER; each came as base64 of PEM. The SDK wants both lists, even if one is empty. */
export function readCertificates({ certificates, ca_certificates }: JsonAnswer): [Buffer, ...Buffer[]] {
  if (certificates === undefined || ca_certificates === undefined) {
    throw new TypeError('a list of certificates is missing')
  }
  const [leaf, ...chain] = [...certificates, ...ca_certificates].map((entry) => {
    const pem = decode(entry).toString('latin1')
    if (!pem.startsWith('-----BEGIN CERTIFICATE-----')) {
      throw new TypeError('a certificate is not PEM')
    }
    return new X509Certificate(pem).raw
  })
  if (leaf === undefined) {
    throw new TypeError('there is no certificate')
  }
  return [leaf, ...chain]
}

export function readHanded(answer: JsonAnswer): Handed {
  const { signedData, pkcs7, timestampResponse, ocspResponses = [], crls = [], level, shortfall } = answer
  if (level === undefined) {
    throw new TypeError('the level is missing')
  }
  return {
    ...(signedData !== undefined && { signedData: decode(signedData) }),
    ...(pkcs7 !== undefined && { pkcs7: decode(pkcs7) }),
    ...(timestampResponse !== undefined && { timestampResponse: decode(timestampResponse) }),
    ocspResponses: ocspResponses.map(({ serialNumber, body }) => ({ serialNumber, body: decode(body) })),
    crls: crls.map(decode),
    level,
    ...(shortfall !== undefined && { shortfall }),
  }
}

/** Refuses what is not base64 with its padding in one line (RFC 4648 4), which Node.js would read all the same. */
function decode(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) {
    throw new TypeError('a member is not base64')
  }
  return bytes
}
