import type { BaseBlock } from 'asn1js'
import type { Authorities } from './authorities.ts'
import type { Issued } from './certificates.ts'
import {
  attribute,
  block,
  otherRevocationInfo,
  revocationArchival,
  revocationValues,
  SIGNATURE_TIMESTAMP,
  signatureOf,
  withRevocationInfo,
  withUnsigned,
} from './container-parts.ts'
import type { SignatureType } from './document-engine/signature-options.ts'
import { type Evidence, timestampOver } from './long-term-evidence.ts'
import { signInSoftware } from './software-container.ts'

/**
 * Where revocation information can be: the signed attribute adbe-revocationInfoArchival, SignedData.crls with OCSP
 * responses by RFC 5940, or the unsigned attribute revocation-values.
 */
export const PLACES = ['adbe-revocationInfoArchival', 'SignedData.crls', 'revocation-values'] as const
export type Place = (typeof PLACES)[number]

export interface LongTermContainer {
  readonly content: Uint8Array
  /** With an RSA key. */
  readonly signer: Issued
  readonly type: SignatureType
  readonly evidence: Evidence
  readonly place: Place
}

/** A b-lt container that this project's sources have no part in, with whatever evidence there is. */
export async function createLongTermContainer(
  authorities: Authorities,
  { content, signer, type, evidence, place }: LongTermContainer,
): Promise<Buffer> {
  const crls = Object.values(evidence.crls)
  const responses = Object.values(evidence.responses)
  const signed = signInSoftware({
    ...{ content, signer, type, chain: [authorities.issuing.issued, authorities.root.issued] },
    attributes: place === 'adbe-revocationInfoArchival' ? [revocationArchival(crls, responses)] : [],
  })
  const token = await timestampOver(authorities, signatureOf(signed))
  const unsigned: BaseBlock[] = [attribute(SIGNATURE_TIMESTAMP, block(token))]
  if (place === 'revocation-values') {
    unsigned.push(revocationValues(crls, responses))
  }
  const stamped = withUnsigned(signed, ...unsigned)
  return place === 'SignedData.crls' ? withEvidence(stamped, evidence) : stamped
}

/** Puts evidence into SignedData.crls (RFC 5652 10.2.1, RFC 5940). */
export function withEvidence(container: Uint8Array, { crls, responses }: Evidence): Buffer {
  const others = Object.values(responses).map(otherRevocationInfo)
  return withRevocationInfo(container, [...Object.values(crls).map(block), ...others])
}
