/** Which certificate a signature says that it was made with (RFC 2634 5.4, RFC 5035 3; RFC 5816 allows both). */
import { createHash } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { HASH_ALGORITHMS } from '../algorithms/hash-algorithms.ts'
import { ID_SIGNING_CERTIFICATE, ID_SIGNING_CERTIFICATE_V2 } from '../cms/object-identifiers.ts'
import { sameParsedName } from '../x509/parsed-names.ts'
import type { TokenCertificate } from './timestamp-token.ts'

/** What the first identifier is hashed with where it does not say. */
const DEFAULT_HASHES = new Map([
  [ID_SIGNING_CERTIFICATE, 'sha1'],
  [ID_SIGNING_CERTIFICATE_V2, 'sha256'],
])
const DIRECTORY_NAME = 4

/**
 * Whether an attribute names a certificate as the signer's, which the first of its identifiers does:
 * `ESSCertIDv2 ::= SEQUENCE { hashAlgorithm DEFAULT sha256, certHash OCTET STRING, issuerSerial OPTIONAL }`, and in
 * version 1 the same without the algorithm.
 *
 * @param value of the attribute
 * @param type of the attribute
 */
export function isNamedBy(value: unknown, type: string, { x509, parsed }: TokenCertificate): boolean {
  const fields = childrenOf(childrenOf(childrenOf(value)[0])[0])
  const algorithm = fields[0] instanceof asn1js.Sequence ? fields.shift() : undefined
  const hash = algorithm === undefined ? DEFAULT_HASHES.get(type) : nameOfHash(algorithm)
  const [certHash, issuerSerial] = fields
  return (
    hash !== undefined &&
    certHash instanceof asn1js.OctetString &&
    createHash(hash).update(x509.raw).digest().equals(certHash.valueBlock.valueHexView) &&
    (issuerSerial === undefined || isIssuerSerialOf(issuerSerial, parsed))
  )
}

/** `IssuerSerial ::= SEQUENCE { issuer GeneralNames, serialNumber INTEGER }`, of which the issuer is one name. */
function isIssuerSerialOf(issuerSerial: unknown, { issuer, serialNumber }: pkijs.Certificate): boolean {
  const [names, serial] = childrenOf(issuerSerial)
  const [name] = childrenOf(names).map((schema) => new pkijs.GeneralName({ schema }))
  return name?.type === DIRECTORY_NAME && sameParsedName(issuer, name.value) && serialNumber.isEqual(serial)
}

function nameOfHash(algorithm: unknown): string | undefined {
  const [oid] = childrenOf(algorithm)
  return HASH_ALGORITHMS.find((one) => oid instanceof asn1js.ObjectIdentifier && one.oid === oid.getValue())
    ?.nodeName
}

function childrenOf(value: unknown): asn1js.AsnType[] {
  return value instanceof asn1js.Sequence ? [...(value.valueBlock.value as asn1js.AsnType[])] : []
}
