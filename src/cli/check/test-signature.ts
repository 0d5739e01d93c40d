/** Builds what is signed to test a service from outside, and verifies what comes back, as a recipient would. */
import type { X509Certificate } from 'node:crypto'
import { digest, findHashByOid, type HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { findSignatureProblem } from '../../algorithms/received-signature.ts'
import { SIGNATURE_ALGORITHMS } from '../../algorithms/signature-algorithms.ts'
import { readAlgorithmIdentifier } from '../../asn1/algorithm-identifier.ts'
import { encode, encodeObjectIdentifier, encodeSetOf } from '../../asn1/der-writer.ts'
import { TAG } from '../../asn1/tag.ts'
import { findSignatureTimestamp, readDetachedSignature } from '../../cms/detached-signature.ts'
import { ID_DATA, ID_MESSAGE_DIGEST, ID_REVOCATION_INFO_ARCHIVAL } from '../../cms/object-identifiers.ts'
import {
  CONTENT_TYPE_ATTRIBUTE,
  encodeAttribute,
  signingCertificateAttribute,
} from '../../cms/signed-attributes.ts'
import { readAttributes } from '../../cms/signed-attributes-reader.ts'
import { findContentProblem } from '../../cms/signed-data-reader.ts'
import type { Level } from '../../configuration/container-configuration.ts'

/** An auditor who finds a signature over it can tell what it is. */
export const TEST_DOCUMENT = Buffer.from(
  'This is a test of the signing service from outside. It is no document, and its signature binds nobody.',
)

const DATA = encodeObjectIdentifier(ID_DATA)
const REVOCATION_INFO_ARCHIVAL = encodeObjectIdentifier(ID_REVOCATION_INFO_ARCHIVAL)

/**
 * Builds signed attributes of the test document, as Document Engine builds them for a raw signature, so that a service
 * that signs nothing else (`RAW_SIGNING=signed-attributes`) signs them.
 *
 * @returns DER SET OF Attribute (RFC 5652 5.4)
 */
export function buildTestAttributes({ raw }: X509Certificate, hash: HashAlgorithm): Buffer {
  return encodeSetOf(TAG.set, [
    CONTENT_TYPE_ATTRIBUTE,
    encodeAttribute(ID_MESSAGE_DIGEST, encode(TAG.octetString, digest(hash, TEST_DOCUMENT))),
    signingCertificateAttribute(raw),
  ])
}

/**
 * Finds what keeps a raw signature from being that of a certificate, in words. Nothing tells from outside whether an RSA
 * signer uses PKCS#1 v1.5 or PSS, so both are tried.
 */
export function findRawProblem(
  { publicKey }: X509Certificate,
  hashAlgorithm: HashAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): string | undefined {
  const fitting = SIGNATURE_ALGORITHMS.filter(({ keyTypes }) =>
    keyTypes.includes(`${publicKey.asymmetricKeyType}`),
  )
  const verifies = fitting.some((algorithm) => {
    const identifier = algorithm.signerInfoIdentifier(hashAlgorithm).toSchema().toBER()
    const signatureAlgorithm = Buffer.from(identifier)
    const received = { signatureAlgorithm, hashAlgorithm, publicKey, message, signature }
    return findSignatureProblem(received) === undefined
  })
  return verifies ? undefined : 'it is not a signature of the certificate over what was sent'
}

/** Parts of a container that holds a valid signature. */
export interface ShownContainer {
  /** The highest level whose parts are there. Revocation data are not judged. */
  readonly level: Level
  /** DER TimeStampToken, not verified. */
  readonly timestamp: Buffer | undefined
  /** The signature that the timestamp should be over. */
  readonly signature: Buffer
}

/**
 * Verifies a container of the test document.
 *
 * @param certificate the one that it must be signed with
 * @throws Error whose message says what is wrong with it
 */
export function verifyContainer(
  der: Buffer,
  certificate: X509Certificate,
  hashAlgorithm: HashAlgorithm,
): ShownContainer {
  const { signerInfo, signer } = readDetachedSignature(der)
  if (!signer.raw.equals(certificate.raw)) {
    throw new Error('it is signed with another certificate than get_certificates answers')
  }
  if (findHashByOid(readAlgorithmIdentifier(signerInfo.digestAlgorithm).oid) !== hashAlgorithm) {
    throw new Error('it has another hash algorithm than was asked for')
  }
  const content = { name: 'test document', type: DATA, octets: TEST_DOCUMENT }
  const problem = findContentProblem({ ...signerInfo, signer, hashAlgorithm }, content)
  if (problem !== undefined) {
    throw new Error(problem)
  }
  const timestamp = findSignatureTimestamp(signerInfo)
  const holdsRevocation = readAttributes(signerInfo.signedAttributes).some(({ type }) =>
    type.equals(REVOCATION_INFO_ARCHIVAL),
  )
  const level = timestamp === undefined ? 'b-b' : holdsRevocation ? 'b-lt' : 'b-t'
  return { level, timestamp, signature: signerInfo.signature }
}
