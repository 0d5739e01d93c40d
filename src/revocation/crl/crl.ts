/** Reads CRLs (RFC 5280 5.1) without their entries: what they say, of which nothing is verified yet. */
import { sameAlgorithm } from '../../asn1/algorithm-identifier.ts'
import { DerReader } from '../../asn1/der-reader.ts'
import { contextTag, TAG } from '../../asn1/tag.ts'
import { readTime } from '../../asn1/time.ts'
import { type Extensions, readExtensions } from '../../x509/extensions.ts'
import { readSignedObject, type SignedObject } from '../signed-object.ts'
import type { UpdateTimes } from '../time.ts'

export interface Crl extends SignedObject, Pick<UpdateTimes, 'thisUpdate'> {
  /** Undefined where it does not say when it is to be replaced, which RFC 5280 5.1.2.5 demands. */
  readonly nextUpdate: Date | undefined
  /** DER Name. */
  readonly issuer: Buffer
  /** What is in revokedCertificates; undefined where none is. */
  readonly entries: DerReader | undefined
  readonly extensions: Extensions
}

/** @throws Error whose message says why it is no CRL */
export function readCrl(der: Buffer): Crl {
  const list = DerReader.enterOnly(der, TAG.sequence)
  const signed = readSignedObject(list)
  list.finish()
  const content = new DerReader(signed.toBeSigned).enter(TAG.sequence)
  content.enterOptional(TAG.integer) // version
  if (!sameAlgorithm(content.element(TAG.sequence), signed.algorithm)) {
    throw new Error('it says two things of the algorithm that it is signed with')
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
