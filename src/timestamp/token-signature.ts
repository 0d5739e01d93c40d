import * as asn1js from 'asn1js'
import type * as pkijs from 'pkijs'
import { digest } from '../algorithms/digest.ts'
import { findSignatureProblem } from '../algorithms/received-signature.ts'
import {
  ID_CONTENT_TYPE,
  ID_CT_TST_INFO,
  ID_MESSAGE_DIGEST,
  ID_SIGNING_CERTIFICATE,
  ID_SIGNING_CERTIFICATE_V2,
} from '../cms/object-identifiers.ts'
import {
  namesCertificate,
  readSigningCertificate,
  readSigningCertificateV2,
} from '../cms/signing-certificate.ts'
import type { TimestampToken } from './timestamp-token.ts'

/**
 * Finds what keeps a token from being signed by the certificate that it names, in words (RFC 5652 5.4, 5.6, 11; RFC
 * 5816 2.2.1).
 */
export function findTokenProblem(token: TimestampToken): string | undefined {
  const { signerInfo, hashAlgorithm, signer } = token
  const find = (type: string) => findValue(signerInfo, type)
  const contentType = find(ID_CONTENT_TYPE)
  if (!(contentType instanceof asn1js.ObjectIdentifier && contentType.getValue() === ID_CT_TST_INFO)) {
    return 'its signed content-type is not that of a timestamp'
  }
  const messageDigest = find(ID_MESSAGE_DIGEST)
  const expected = digest(hashAlgorithm, token.tstInfo)
  if (
    !(messageDigest instanceof asn1js.OctetString && expected.equals(messageDigest.valueBlock.valueHexView))
  ) {
    return 'its signed message-digest is not that of the timestamp'
  }
  if (!namesSigner(signerInfo, signer.x509.raw)) {
    return 'its signed signing-certificate is not the certificate of the signer'
  }
  const wrong = findSignatureProblem({
    hashAlgorithm,
    signatureAlgorithm: signerInfo.signatureAlgorithm,
    publicKey: signer.x509.publicKey,
    message: token.signedAttributes,
    signature: signerInfo.signature.valueBlock.valueHexView,
  })
  return wrong && `its signature does not count: ${wrong}`
}

/**
 * Returns whether a token names its signer's certificate: in one of the two attributes, or the same in both (RFC 5816
 * 2.2.1).
 *
 * @param certificate DER
 */
function namesSigner(signerInfo: pkijs.SignerInfo, certificate: Buffer): boolean {
  const values = READERS.flatMap(({ type, read }) => {
    const value = findValue(signerInfo, type)
    return value === undefined ? [] : [{ read, der: Buffer.from((value as asn1js.BaseBlock).toBER()) }]
  })
  try {
    return values.length > 0 && values.every(({ read, der }) => namesCertificate(read(der), certificate))
  } catch {
    return false
  }
}

const READERS = [
  { type: ID_SIGNING_CERTIFICATE, read: readSigningCertificate },
  { type: ID_SIGNING_CERTIFICATE_V2, read: readSigningCertificateV2 },
]

/**
 * Returns an attribute's value; undefined unless there is exactly one, as there must be (RFC 5652 11, RFC 5035 5.4).
 */
function findValue({ signedAttrs }: pkijs.SignerInfo, type: string): unknown {
  const values = signedAttrs?.attributes.filter((one) => one.type === type).flatMap(({ values }) => values)
  return values?.length === 1 ? values[0] : undefined
}
