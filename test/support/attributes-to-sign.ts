/** Signed attributes as callers of raw signatures build them, encoded with asn1js. */

import { createHash } from 'node:crypto'
import * as asn1js from 'asn1js'
import { findHashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { attribute } from './container-parts.ts'
import { sortedSetOf, toDer } from './document-engine/der.ts'

export const OID = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  data: '1.2.840.113549.1.7.1',
  timestampInfo: '1.2.840.113549.1.9.16.1.4',
}

export function sequence(...value: asn1js.BaseBlock[]): asn1js.Sequence {
  return new asn1js.Sequence({ value })
}

export function octets(valueHex: Uint8Array): asn1js.OctetString {
  return new asn1js.OctetString({ valueHex })
}

export function oid(value: string): asn1js.ObjectIdentifier {
  return new asn1js.ObjectIdentifier({ value })
}

/** Attributes that every signature has: content-type and message-digest (RFC 5652 11). */
export function basicAttributes(hash = 'sha256', contentType = OID.data): asn1js.Sequence[] {
  return [
    attribute(OID.contentType, oid(contentType)),
    attribute(OID.messageDigest, octets(createHash(hash).update('a document').digest())),
  ]
}

/**
 * Builds signing-certificate-v2 (RFC 5035 3) with the digests of certificates, or with SHA-1 signing-certificate
 * (RFC 2634 5.4).
 *
 * @param raw DER of the certificates, that of the signer first
 */
export function namingAttribute(hash: string, ...raw: readonly Uint8Array[]): asn1js.Sequence {
  const { oid: algorithm = '' } = findHashAlgorithm(hash) ?? {}
  const identifiers = raw.map((certificate) =>
    sequence(
      ...(hash === 'sha256' || hash === 'sha1' ? [] : [sequence(oid(algorithm))]),
      octets(createHash(hash).update(certificate).digest()),
    ),
  )
  const type = hash === 'sha1' ? OID.signingCertificate : OID.signingCertificateV2
  return attribute(type, sequence(sequence(...identifiers)))
}

/** Builds CMSAlgorithmProtection (RFC 6211 2) of algorithms, given as dotted object identifiers. */
export function protectionAttribute(
  hash: string,
  signature: string,
  parameters: asn1js.BaseBlock = new asn1js.Null(),
): asn1js.Sequence {
  const algorithm = new asn1js.Constructed({
    idBlock: { tagClass: 3, tagNumber: 1 },
    value: [oid(signature), parameters],
  })
  return attribute('1.2.840.113549.1.9.52', sequence(sequence(oid(hash)), algorithm))
}

/** Builds signing-time (RFC 5652 11.3) as UTCTime. */
export function timeAttribute(date: Date): asn1js.Sequence {
  return attribute('1.2.840.113549.1.9.5', new asn1js.UTCTime({ valueDate: date }))
}

/** Encodes attributes as they are signed (RFC 5652 5.4). */
export function encodeAttributes(...attributes: asn1js.BaseBlock[]): Buffer {
  return toDer(new asn1js.Set({ value: sortedSetOf(attributes) }))
}

/** Encodes attributes that name a certificate as the signer's. */
export function attributesNaming(raw: Uint8Array, hash = 'sha256', messageHash = 'sha256'): Buffer {
  return encodeAttributes(...basicAttributes(messageHash), namingAttribute(hash, raw))
}
