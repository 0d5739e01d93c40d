/** Reads CRLs without their entries (RFC 5280 5.1). It verifies nothing. */
import { sameAlgorithm } from '../../asn1/algorithm-identifier.ts'
import { DerReader } from '../../asn1/der-reader.ts'
import { contextTag, TAG } from '../../asn1/tag.ts'
import { readTime } from '../../asn1/time.ts'
import { type Extensions, readExtensions } from '../../x509/extensions.ts'
import type { UpdateTimes } from '../freshness.ts'
import { readSignedObject, type SignedObject } from '../signed-object.ts'

export interface Crl extends SignedObject, Pick<UpdateTimes, 'thisUpdate'> {
  /** Undefined if the CRL lacks the field, though RFC 5280 5.1.2.5 demands it. */
  readonly nextUpdate: Date | undefined
  /** DER Name. */
  readonly issuer: Buffer
  /** Content of revokedCertificates; undefined if the CRL lists none. */
  readonly entries: DerReader | undefined
  readonly extensions: Extensions
}

/**
 * Reads a CRL.
 *
 * @param der CertificateList
 * @throws Error when it is malformed
 */
export function readCrl(der: Buffer): Crl {
  const list = DerReader.enterOnly(der, TAG.sequence)
  const signed = readSignedObject(list)
  list.finish()
  const content = new DerReader(signed.toBeSigned).enter(TAG.sequence)
  content.enterOptional(TAG.integer) // version
  if (!sameAlgorithm(content.element(TAG.sequence), signed.algorithm)) {
    throw new Error('it names two algorithms for its signature')
  }
  const issuer = content.element(TAG.sequence)
  const thisUpdate = readTime(content, { fractions: true })
  const hasNextUpdate = content.tag === TAG.utcTime || content.tag === TAG.generalizedTime
  const nextUpdate = hasNextUpdate ? readTime(content, { fractions: true }) : undefined
  const entries = content.enterOptional(TAG.sequence)
  const extensions = readExtensions(content.enterOptional(contextTag(0)))
  content.finish()
  return { ...signed, issuer, thisUpdate, nextUpdate, entries, extensions }
}
