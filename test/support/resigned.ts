/** Certificates, CRLs and OCSP answers with fields that openssl does not write, signed anew, so that it can judge them. */
import { execFileSync } from 'node:child_process'
import { createPrivateKey, sign, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { type Issued, openssl } from './certificates.ts'

/** Places of fields in a TBSCertificate of version 3 (RFC 5280 4.1). */
export const CERTIFICATE = {
  version: 0,
  serialNumber: 1,
  signature: 2,
  issuer: 3,
  validity: 4,
  subject: 5,
  key: 6,
  extensions: 7,
}
/** Places of fields in a TBSCertList of version 2 (RFC 5280 5.1). */
export const CRL = {
  version: 0,
  signature: 1,
  issuer: 2,
  thisUpdate: 3,
  nextUpdate: 4,
  entries: 5,
  extensions: 6,
}

/** New fields by their places. A field may be several elements, or none. */
export type Fields = Readonly<Record<number, Buffer>>

export const SHA256_WITH_RSA = '1.2.840.113549.1.1.11'
export const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'
export const COMMON_NAME = '2.5.4.3'
export const ORGANIZATION = '2.5.4.10'

/** DER AlgorithmIdentifier, with NULL or without parameters. */
export function algorithm(oid: string, parameters: 'null' | 'absent'): Buffer {
  const none = parameters === 'null' ? [Buffer.from('0500', 'hex')] : []
  return encode(TAG.sequence, encodeObjectIdentifier(oid), ...none)
}

/** DER Name whose RDNs have one attribute each, in the order given. */
export function nameOf(...attributes: readonly Buffer[]): Buffer {
  return encode(TAG.sequence, ...attributes.map((attribute) => encode(TAG.set, attribute)))
}

/** DER AttributeTypeAndValue. A text is encoded as Latin-1 or, where the type has wider characters, as it has them. */
export function attribute(oid: string, tag: number, value: string | Buffer): Buffer {
  return encode(TAG.sequence, encodeObjectIdentifier(oid), encode(tag, octets(tag, value)))
}

/** DER Validity of two times, each a UTCTime where it has two digits for its year. */
export function validityOf(...times: readonly string[]): Buffer {
  return encode(TAG.sequence, ...times.map(timeOf))
}

export function timeOf(text: string): Buffer {
  return encode(/^\d{14}/.test(text) ? TAG.generalizedTime : TAG.utcTime, Buffer.from(text))
}

/** DER Extensions in their explicit tag, each of an identifier, the DER of its value, and `critical` where that is written. */
export function extensionsOf(
  tag: number,
  ...extensions: readonly (readonly [string, Buffer, (boolean | undefined)?])[]
): Buffer {
  const list = extensions.map(([oid, value, critical]) => {
    const flag = critical === undefined ? [] : [encode(TAG.boolean, Buffer.of(critical ? 0xff : 0))]
    return encode(TAG.sequence, encodeObjectIdentifier(oid), ...flag, encode(TAG.octetString, value))
  })
  return encode(contextTag(tag), encode(TAG.sequence, ...list))
}

/** Returns an element with its length in four octets, of which DER has no more than needed. */
export function withLongLength(der: Buffer): Buffer {
  const content = new DerReader(der).content(der[0] as number)
  return Buffer.concat([der.subarray(0, 1), Buffer.of(0x84), fourOctets(content.length), content])
}

/** All elements in a SEQUENCE. */
export function elementsOf(sequence: Buffer): Buffer[] {
  return new DerReader(sequence).enter(TAG.sequence).elements()
}

/**
 * Returns `SIGNED { ToBeSigned }` with other fields in what is signed, signed with SHA-256 unless another hash is named.
 *
 * @param keyFile PEM
 * @param algorithm the outer one, where it is another than that of before
 * @param hash null for EdDSA
 */
export function resign(
  signed: Buffer,
  keyFile: string,
  fields: Fields,
  algorithm?: Buffer,
  hash: string | null = 'sha256',
): Buffer {
  const [toBeSigned, before, , ...rest] = elementsOf(signed) as [Buffer, Buffer, Buffer, ...Buffer[]]
  const changed = elementsOf(toBeSigned).map((element, place) => fields[place] ?? element)
  const content = encode(TAG.sequence, ...changed)
  const signature = sign(hash, content, createPrivateKey(readFileSync(keyFile)))
  const bits = encode(TAG.bitString, Buffer.of(0), signature)
  return encode(TAG.sequence, content, algorithm ?? before, bits, ...rest)
}

/**
 * Returns an OCSPResponse with other fields in its ResponseData (RFC 6960 4.2.1), signed anew.
 *
 * @param change makes new fields of those there are
 * @param hash as for `resign`
 */
export function resignAnswer(
  answer: Buffer,
  keyFile: string,
  change: (fields: readonly Buffer[]) => Fields,
  algorithm?: Buffer,
  hash?: string,
): Buffer {
  const [status, wrapped] = elementsOf(answer) as [Buffer, Buffer]
  const response = new DerReader(wrapped).enter(contextTag(0)).enter(TAG.sequence)
  const type = response.element(TAG.objectIdentifier)
  const basic = response.content(TAG.octetString)
  const [data] = elementsOf(basic) as [Buffer]
  const changed = resign(basic, keyFile, change(elementsOf(data)), algorithm, hash)
  const bytes = encode(TAG.sequence, type, encode(TAG.octetString, changed))
  return encode(TAG.sequence, status, encode(contextTag(0), bytes))
}

/** Returns a certificate with other fields, signed by `signer`; its file is a new one. */
export function reissue(issued: Issued, signer: Issued, fields: Fields, algorithm?: Buffer): Issued {
  const certificate = new X509Certificate(resign(issued.certificate.raw, signer.keyFile, fields, algorithm))
  const certificateFile = `${issued.certificateFile}.${count++}.pem`
  writeFileSync(certificateFile, certificate.toString())
  return { ...issued, certificate, certificateFile }
}

let count = 0

/** DER SubjectPublicKeyInfo of P-256 with the point at infinity (SEC 1 2.3.3), which is no key, though OpenSSL reads it. */
export const POINT_AT_INFINITY = encode(
  TAG.sequence,
  encode(
    TAG.sequence,
    encodeObjectIdentifier('1.2.840.10045.2.1'),
    encodeObjectIdentifier('1.2.840.10045.3.1.7'),
  ),
  encode(TAG.bitString, Buffer.of(0, 0)),
)

/** DER SubjectPublicKeyInfo of an EC key, with its point compressed (SEC 1 2.3.3). */
export function withCompressedPoint({ certificateFile }: Issued): Buffer {
  return reencodeKey(certificateFile, '-ec_conv_form', 'compressed')
}

/** DER SubjectPublicKeyInfo of an EC key, with its curve spelled out. */
export function withExplicitCurve({ certificateFile }: Issued): Buffer {
  return reencodeKey(certificateFile, '-ec_param_enc', 'explicit')
}

function reencodeKey(certificateFile: string, ...form: string[]): Buffer {
  const input = openssl('x509', '-in', certificateFile, '-noout', '-pubkey')
  return execFileSync('openssl', ['pkey', '-pubin', '-pubout', '-outform', 'DER', ...form], { input })
}

function octets(tag: number, value: string | Buffer): Buffer {
  if (typeof value !== 'string') {
    return value
  }
  switch (tag) {
    case TAG.utf8String:
      return Buffer.from(value)
    case TAG.bmpString:
      return Buffer.from(value, 'utf16le').swap16()
    case TAG.universalString:
      return Buffer.concat([...value].map((character) => fourOctets(character.codePointAt(0) ?? 0)))
    default:
      return Buffer.from(value, 'latin1')
  }
}

function fourOctets(point: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(point)
  return octets
}
