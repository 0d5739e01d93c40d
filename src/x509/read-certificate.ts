import { X509Certificate } from 'node:crypto'
import { isPointAtInfinity } from '../algorithms/public-key.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { CONSTRUCTED, TAG } from '../asn1/tag.ts'
import { readTime } from '../asn1/time.ts'

/** Levels of nested elements. Certificates have about ten; a hostile one could exhaust the stack. */
const MAX_DEPTH = 32

/**
 * Reads a certificate. All certificates that the service does not make itself come through here: versions of OpenSSL
 * differ in the encodings that they accept, and this service must not depend on the Node.js that runs it.
 *
 * @param der one certificate and nothing behind it
 * @throws Error whose message says what is wrong with the encoding
 */
export function readCertificate(der: Uint8Array): X509Certificate {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength)
  checkEncoding(bytes)
  const certificate = decode(bytes)
  if (hasPointAtInfinity(certificate)) {
    throw new Error('its public key is the point at infinity, which is none')
  }
  return certificate
}

function decode(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch {
    throw new Error('it is not what RFC 5280 calls a certificate')
  }
}

function hasPointAtInfinity(certificate: X509Certificate): boolean {
  try {
    return isPointAtInfinity(certificate.publicKey)
  } catch {
    // OpenSSL does not know keys of this kind
    return false
  }
}

/** Refuses encodings other than DER (X.690 10), and times in other forms than those of RFC 5280 4.1.2.5. */
function checkEncoding(der: Buffer): void {
  const reader = new DerReader(der)
  checkElements(reader.enter(TAG.sequence), 1)
  reader.finish()
}

function checkElements(reader: DerReader, depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new Error('it is no DER of this kind: its elements are nested too deeply')
  }
  for (let { tag } = reader; tag !== undefined; { tag } = reader) {
    if (tag & CONSTRUCTED) {
      checkElements(reader.enter(tag), depth + 1)
    } else if (tag === TAG.utcTime || tag === TAG.generalizedTime) {
      readTime(reader)
    } else {
      reader.content(tag)
    }
  }
}
