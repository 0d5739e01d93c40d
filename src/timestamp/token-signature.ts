import { createHash } from 'node:crypto'
import * as asn1js from 'asn1js'
import type * as pkijs from 'pkijs'
import { findSignatureProblem } from '../algorithms/foreign-signature.ts'
import {
  ID_CONTENT_TYPE,
  ID_MESSAGE_DIGEST,
  ID_SIGNING_CERTIFICATE,
  ID_SIGNING_CERTIFICATE_V2,
} from '../cms/object-identifiers.ts'
import { isNamedBy } from './signing-certificate.ts'
import { ID_CT_TST_INFO, type TimestampToken } from './timestamp-token.ts'

/**
 * What keeps a token from being signed by the certificate that it names, in words; undefined where it is (RFC 5652 5.4,
 * 5.6, 11; RFC 5816 2.2.1).
 */
export function findTokenProblem(token: TimestampToken): string | undefined {
  const { signerInfo, hashAlgorithm, signer } = token
  const find = (type: string) => findValue(signerInfo, type)
  const contentType = find(ID_CONTENT_TYPE)
  if (!(contentType instanceof asn1js.ObjectIdentifier && contentType.getValue() === ID_CT_TST_INFO)) {
    return 'its signed content-type is not that of a timestamp'
  }
  const messageDigest = find(ID_MESSAGE_DIGEST)
  const digest = createHash(hashAlgorithm.nodeName).update(token.tstInfo).digest()
  if (
    !(messageDigest instanceof asn1js.OctetString && digest.equals(messageDigest.valueBlock.valueHexView))
  ) {
    return 'its signed message-digest is not that of the timestamp'
  }
  const naming = [ID_SIGNING_CERTIFICATE, ID_SIGNING_CERTIFICATE_V2].flatMap((type) => {
    const value = find(type)
    return value === undefined ? [] : [{ type, value }]
  })
  if (naming.length === 0 || !naming.every(({ type, value }) => isNamedBy(value, type, signer))) {
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

/** Undefined unless there is exactly one, as there has to be of each of these (RFC 5652 11, RFC 5035 5.4). */
function findValue({ signedAttrs }: pkijs.SignerInfo, type: string): unknown {
  const values = signedAttrs?.attributes.filter((one) => one.type === type).flatMap(({ values }) => values)
  return values?.length === 1 ? values[0] : undefined
}
