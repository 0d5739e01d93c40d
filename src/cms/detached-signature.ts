/** Reads a detached SignedData with one signature, as a CAdES or CMS container of a document is (RFC 5652 5). */
import type { X509Certificate } from 'node:crypto'
import { encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { publicKeyOf } from '../x509/key-type.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { ID_SIGNATURE_TIMESTAMP } from './object-identifiers.ts'
import { readAttributes, singleValue } from './signed-attributes-reader.ts'
import { readSignedData, readSignerInfo, type SignerInfo } from './signed-data-reader.ts'
import { isSigner } from './signer-identifier.ts'

/** Certificates in a container. Each could be the issuer of each, which takes time. */
const MAX_CERTIFICATES = 10
const SIGNATURE_TIMESTAMP = encodeObjectIdentifier(ID_SIGNATURE_TIMESTAMP)

/** A detached signature. Nothing in it is verified yet. */
export interface DetachedSignature {
  readonly signerInfo: SignerInfo & { readonly signedAttributes: Buffer }
  /** The certificate that the SignerInfo names. */
  readonly signer: X509Certificate
  /** The embedded certificates, the signer's among them. */
  readonly certificates: readonly X509Certificate[]
}

/**
 * Reads a detached SignedData with one signature, signed attributes and the certificate of the signer.
 *
 * @throws Error when it is anything else
 */
export function readDetachedSignature(der: Buffer): DetachedSignature {
  const signedData = readSignedData(der)
  const [first, second] = signedData?.signerInfos ?? []
  const signerInfo = first && readSignerInfo(first)
  const { signedAttributes } = signerInfo ?? {}
  if (
    signedData === undefined ||
    signedData.content !== undefined ||
    signerInfo === undefined ||
    signedAttributes === undefined ||
    second !== undefined
  ) {
    throw new Error('it is no detached SignedData with one signature and signed attributes')
  }
  // Malformed attributes are found here, and not while the signature is verified
  readAttributes(signedAttributes)
  const certificates = signedData.certificates.slice(0, MAX_CERTIFICATES).map(readCertificate)
  const signer = certificates.find((certificate) => isSigner(certificate, signerInfo.sid))
  if (signer === undefined || publicKeyOf(signer) === undefined) {
    throw new Error('there is no certificate of the signer')
  }
  return { signerInfo: { ...signerInfo, signedAttributes }, signer, certificates }
}

/**
 * Returns the signature timestamp (EN 319 122-1 5.3), DER; undefined if there is none.
 *
 * @throws Error when there are several, or the attributes are malformed
 */
export function findSignatureTimestamp({ unsignedAttributes }: SignerInfo): Buffer | undefined {
  const attributes = unsignedAttributes === undefined ? [] : readAttributes(unsignedAttributes)
  if (!attributes.some(({ type }) => type.equals(SIGNATURE_TIMESTAMP))) {
    return undefined
  }
  const value = singleValue(attributes, SIGNATURE_TIMESTAMP)
  if (value === undefined) {
    throw new Error('there are several timestamps')
  }
  return value
}
