/** Reads signed attributes that others have built, as far as needed to find the signer that they name. */
import { DerReader } from '../asn1/der-reader.ts'
import { encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import {
  ID_CONTENT_TYPE,
  ID_DATA,
  ID_MESSAGE_DIGEST,
  ID_SIGNING_CERTIFICATE,
  ID_SIGNING_CERTIFICATE_V2,
} from './object-identifiers.ts'
import {
  type CertificateDigest,
  readSigningCertificate,
  readSigningCertificateV2,
} from './signing-certificate.ts'

export interface SignedAttributes {
  /** True if there is one content-type, and it is id-data as in all signatures of PDFs (RFC 5652 11.1). */
  readonly hasDataContentType: boolean
  /** Length of the message-digest in bytes (RFC 5652 11.2); undefined unless there is exactly one. */
  readonly digestLength: number | undefined
  /** Digests of the signer's certificate in signing-certificate and signing-certificate-v2. */
  readonly certificates: readonly CertificateDigest[]
}

/** An Attribute (RFC 5652 5.3): its type as a DER OBJECT IDENTIFIER, and the content of its SET of values. */
interface Attribute {
  readonly type: Buffer
  readonly values: Buffer
}

const CONTENT_TYPE = encodeObjectIdentifier(ID_CONTENT_TYPE)
const DATA = encodeObjectIdentifier(ID_DATA)
const MESSAGE_DIGEST = encodeObjectIdentifier(ID_MESSAGE_DIGEST)
const SIGNING_CERTIFICATE = encodeObjectIdentifier(ID_SIGNING_CERTIFICATE)
const SIGNING_CERTIFICATE_V2 = encodeObjectIdentifier(ID_SIGNING_CERTIFICATE_V2)

/**
 * Reads the DER SET OF Attribute that a signature is made over (RFC 5652 5.4). It ignores the order of the attributes,
 * since only some verifiers sort them.
 *
 * @returns undefined for other bytes
 * @throws Error when the attributes name a certificate in a way that cannot be read
 */
export function readSignedAttributes(bytes: Buffer): SignedAttributes | undefined {
  // Attributes under the [0] of SignerInfo are refused too: no verifier accepts a signature over them (RFC 5652 5.4)
  if (bytes[0] !== TAG.set && bytes[0] !== contextTag(0)) {
    return undefined
  }
  const attributes = readAttributes(bytes)
  if (attributes === undefined) {
    if (bytes.includes(SIGNING_CERTIFICATE) || bytes.includes(SIGNING_CERTIFICATE_V2)) {
      throw new Error('they are not the DER encoding of a SET OF Attribute (RFC 5652 5.4)')
    }
    return undefined
  }
  return {
    hasDataContentType: singleValue(attributes, CONTENT_TYPE)?.equals(DATA) === true,
    digestLength: digestLengthOf(singleValue(attributes, MESSAGE_DIGEST)),
    certificates: [
      ...certificatesOf(attributes, SIGNING_CERTIFICATE, readSigningCertificate),
      ...certificatesOf(attributes, SIGNING_CERTIFICATE_V2, readSigningCertificateV2),
    ],
  }
}

function readAttributes(bytes: Buffer): Attribute[] | undefined {
  try {
    const set = DerReader.enterOnly(bytes, TAG.set)
    const attributes: Attribute[] = []
    while (set.tag !== undefined) {
      const attribute = set.enter(TAG.sequence)
      attributes.push({
        type: attribute.element(TAG.objectIdentifier),
        values: attribute.content(TAG.set),
      })
      attribute.finish()
    }
    return attributes
  } catch {
    return undefined
  }
}

/** Returns the DER value of an attribute; undefined unless it occurs once, with one value (RFC 5652 11). */
function singleValue(attributes: readonly Attribute[], type: Buffer): Buffer | undefined {
  const [attribute, second] = attributes.filter((one) => one.type.equals(type))
  if (attribute === undefined || second !== undefined) {
    return undefined
  }
  try {
    const reader = new DerReader(attribute.values)
    const value = reader.element()
    reader.finish()
    return value
  } catch {
    return undefined
  }
}

function digestLengthOf(value: Buffer | undefined): number | undefined {
  return value?.[0] === TAG.octetString ? new DerReader(value).content(TAG.octetString).length : undefined
}

function certificatesOf(
  attributes: readonly Attribute[],
  type: Buffer,
  read: (value: Buffer) => CertificateDigest,
): CertificateDigest[] {
  if (!attributes.some((one) => one.type.equals(type))) {
    return []
  }
  const value = singleValue(attributes, type)
  if (value === undefined) {
    // It must be single-valued (RFC 5035 3), since each verifier would choose among several in its own way
    throw new Error('an attribute that names the certificate does not occur once, with one value')
  }
  return [read(value)]
}
