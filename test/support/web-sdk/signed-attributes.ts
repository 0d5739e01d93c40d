import * as asn1js from 'asn1js'
import { sortedSetOf } from '../document-engine/der.ts'
import { digest } from '../document-engine/hash.ts'
import { HASH_OIDS } from '../document-engine/signature-options.ts'
import type { SignatureType } from './signing-data.ts'

const OID = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  data: '1.2.840.113549.1.7.1',
}

const sequence = (...value: asn1js.BaseBlock[]) => new asn1js.Sequence({ value })
const oid = (value: string) => new asn1js.ObjectIdentifier({ value })
const octets = (valueHex: Uint8Array) => new asn1js.OctetString({ valueHex })
const attribute = (type: string, value: asn1js.BaseBlock) =>
  sequence(oid(type), new asn1js.Set({ value: [value] }))

/**
 * Returns the attributes that the SDK has signed, in DER order: content-type and message-digest, and for CAdES
 * signing-certificate-v2. The hash algorithm is written out in it, though it is the DEFAULT (RFC 5035 4), which DER leaves
 * out (X.690 11.5). Neither type has signing-time.
 *
 * @param contentDigest SHA-256 of the bytes to sign
 * @param leaf DER of the signer's certificate
 */
export function sdkAttributes(
  type: SignatureType,
  contentDigest: Uint8Array,
  leaf: Uint8Array,
): asn1js.BaseBlock[] {
  const sha256 = sequence(oid(HASH_OIDS.sha256), new asn1js.Null())
  const essCertId = sequence(sha256, octets(digest('sha256', leaf)))
  return sortedSetOf([
    attribute(OID.contentType, oid(OID.data)),
    attribute(OID.messageDigest, octets(contentDigest)),
    ...(type === 'CAdES' ? [attribute(OID.signingCertificateV2, sequence(sequence(essCertId)))] : []),
  ])
}
