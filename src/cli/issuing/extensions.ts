import { createHash } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { KEY_PURPOSE } from '../../x509/extensions.ts'

/** Object identifiers of key purposes (RFC 9336, RFC 5280 4.2.1.12). Some validators know the one, and others the other. */
const KEY_PURPOSES = {
  documents: [KEY_PURPOSE.documentSigning, KEY_PURPOSE.emailProtection],
  'document-signing': [KEY_PURPOSE.documentSigning],
  'email-protection': [KEY_PURPOSE.emailProtection],
  none: [],
}

export type ExtendedKeyUsage = keyof typeof KEY_PURPOSES
export const EXTENDED_KEY_USAGES = Object.keys(KEY_PURPOSES) as readonly ExtendedKeyUsage[]

/** Key usages: digitalSignature and nonRepudiation, and keyCertSign and cRLSign. */
const DOCUMENT_SIGNER_USAGE = { valueHex: Uint8Array.of(0b1100_0000), unusedBits: 6 }
const AUTHORITY_USAGE = { valueHex: Uint8Array.of(0b0000_0110), unusedBits: 1 }

/** Tag of uniformResourceIdentifier in a GeneralName (RFC 5280 4.2.1.6). */
const URI = 6

/** URIs at which validators ask about a certificate. */
export interface Addresses {
  readonly ocsp?: string
  readonly crl?: string
  readonly caIssuers?: string
}

/** Returns the key usage of a document signer, or of a certificate authority (RFC 5280 4.2.1.3). */
export function keyUsage({ ca = false } = {}): pkijs.Extension {
  const usage = new asn1js.BitString(ca ? AUTHORITY_USAGE : DOCUMENT_SIGNER_USAGE)
  return extension(pkijs.id_KeyUsage, usage, true)
}

/** Returns the basic constraints of a document signer, or of a certificate authority (RFC 5280 4.2.1.9). */
export function basicConstraints({ ca }: { readonly ca: boolean }): pkijs.Extension {
  const constraints = new pkijs.BasicConstraints(ca ? { cA: true } : {})
  return extension(pkijs.id_BasicConstraints, constraints.toSchema(), true)
}

/**
 * Returns the identifier of a key: the leftmost 160 bits of its SHA-256 (RFC 7093 2), in place of the SHA-1 of RFC 5280
 * 4.2.1.2.
 *
 * @param publicKey DER SubjectPublicKeyInfo
 */
export function keyIdentifier(publicKey: Uint8Array): Buffer {
  const { subjectPublicKey } = pkijs.PublicKeyInfo.fromBER(publicKey)
  return createHash('sha256').update(subjectPublicKey.valueBlock.valueHexView).digest().subarray(0, 20)
}

/** @param identifier identifier of the key that is certified */
export function subjectKeyIdentifier(identifier: Uint8Array): pkijs.Extension {
  return extension(pkijs.id_SubjectKeyIdentifier, new asn1js.OctetString({ valueHex: identifier }))
}

/** @param identifier identifier of the key that certifies */
export function authorityKeyIdentifier(identifier: Uint8Array): pkijs.Extension {
  const value = new pkijs.AuthorityKeyIdentifier({
    keyIdentifier: new asn1js.OctetString({ valueHex: identifier }),
  })
  return extension(pkijs.id_AuthorityKeyIdentifier, value.toSchema())
}

/** Returns authority information access (RFC 5280 4.2.2.1) and CRL distribution points (4.2.1.13), if there are any. */
export function addressExtensions({ ocsp, crl, caIssuers }: Addresses): pkijs.Extension[] {
  const accessDescriptions = [
    ...uris(ocsp).map((accessLocation) => ({ accessMethod: pkijs.id_ad_ocsp, accessLocation })),
    ...uris(caIssuers).map((accessLocation) => ({ accessMethod: pkijs.id_ad_caIssuers, accessLocation })),
  ].map((description) => new pkijs.AccessDescription(description))
  const access = new pkijs.InfoAccess({ accessDescriptions }).toSchema()
  const distributionPoints = uris(crl).map(
    (name) => new pkijs.DistributionPoint({ distributionPoint: [name] }),
  )
  const lists = new pkijs.CRLDistributionPoints({ distributionPoints }).toSchema()
  return [
    ...(accessDescriptions.length === 0 ? [] : [extension(pkijs.id_AuthorityInfoAccess, access)]),
    ...(distributionPoints.length === 0 ? [] : [extension(pkijs.id_CRLDistributionPoints, lists)]),
  ]
}

function uris(address: string | undefined): pkijs.GeneralName[] {
  return address === undefined ? [] : [new pkijs.GeneralName({ type: URI, value: address })]
}

/** Returns the extended key usage; an empty list if the key may serve any purpose. */
export function extendedKeyUsage(usage: ExtendedKeyUsage): pkijs.Extension[] {
  const keyPurposes = KEY_PURPOSES[usage]
  if (keyPurposes.length === 0) {
    return []
  }
  return [extension(pkijs.id_ExtKeyUsage, new pkijs.ExtKeyUsage({ keyPurposes }).toSchema())]
}

/** Returns the subject alternative name; an empty list if there are no names. */
export function subjectAlternativeName(altNames: pkijs.GeneralName[]): pkijs.Extension[] {
  return altNames.length === 0
    ? []
    : [extension(pkijs.id_SubjectAltName, new pkijs.AltName({ altNames }).toSchema())]
}

function extension(extnID: string, value: asn1js.AsnType, critical = false): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue: value.toBER() })
}
