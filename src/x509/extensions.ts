import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'

/** Extensions of certificates (RFC 5280 4.2, RFC 6960 4.2.2.2.1, RFC 9608 2, EN 319 412-1 5.2) and of CRLs (RFC 5280 5.2). */
export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  issuerAltName: '2.5.29.18',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  freshestCrl: '2.5.29.46',
  inhibitAnyPolicy: '2.5.29.54',
  noRevAvail: '2.5.29.56',
  validityAssuredShortTerm: '0.4.0.194121.2.1',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
  ipAddrBlocks: '1.3.6.1.5.5.7.1.7',
  autonomousSysIds: '1.3.6.1.5.5.7.1.8',
  proxyCertInfo: '1.3.6.1.5.5.7.1.14',
  netscapeCertType: '2.16.840.1.113730.1.1',
} as const

/** A policy that stands for all of them (RFC 5280 4.2.1.4). */
export const ANY_POLICY = '2.5.29.32.0'

/** Purposes in the extendedKeyUsage extension (RFC 5280 4.2.1.12). */
export const KEY_PURPOSE = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
  /** RFC 9336 3. */
  documentSigning: '1.3.6.1.5.5.7.3.36',
  microsoftDocumentSigning: '1.3.6.1.4.1.311.10.3.12',
  adobeAuthenticDocuments: '1.2.840.113583.1.1.5',
} as const

/** id-ad-ocsp, a method of authorityInfoAccess (RFC 5280 4.2.2.1). */
export const ID_AD_OCSP = '1.3.6.1.5.5.7.48.1'

/** commonName, an attribute of distinguished names (RFC 5280 A.1). */
export const ID_COMMON_NAME = '2.5.4.3'

/** emailAddress, an attribute of distinguished names (RFC 5280 4.1.2.6). */
export const ID_EMAIL_ADDRESS = '1.2.840.113549.1.9.1'

/** domainComponent, an attribute of distinguished names that is an IA5String (RFC 4519 2.4). */
export const ID_DOMAIN_COMPONENT = '0.9.2342.19200300.100.1.25'

/** telephoneNumber, an attribute of distinguished names that is a PrintableString (X.520 6.7.1). */
export const ID_TELEPHONE_NUMBER = '2.5.4.20'

/** x500UniqueIdentifier, an attribute of distinguished names that is a BIT STRING (X.520 6.2.7). */
export const ID_UNIQUE_IDENTIFIER = '2.5.4.45'

export interface Extension {
  readonly critical: boolean
  /** True if it says that it is not critical, which DER leaves out as the default (X.690 11.5). */
  readonly writesDefault?: boolean
  /** DER in the OCTET STRING extnValue. */
  readonly value: Buffer
}

/** Extensions keyed by their dotted object identifiers. */
export type Extensions = ReadonlyMap<string, Extension>

/**
 * Reads the extensions in an explicit tag.
 *
 * @param wrapper content of the tag; undefined without extensions
 * @param flaws as for `readExtensionList`
 * @throws Error when it is not one SEQUENCE OF Extension, or has an extension twice
 */
export function readExtensions(wrapper: DerReader | undefined, flaws?: string[]): Extensions {
  const list = wrapper?.enter(TAG.sequence)
  wrapper?.finish()
  return readExtensionList(list, flaws)
}

/**
 * Reads the extensions in a list.
 *
 * @param list content of the SEQUENCE OF Extension; undefined without extensions
 * @param flaws to which is added, in words, that an extension is there twice: it then counts as absent, as with OpenSSL
 * @throws Error when an element is not an Extension, or without `flaws` when an extension is there twice
 */
export function readExtensionList(list: DerReader | undefined, flaws?: string[]): Extensions {
  const extensions = new Map<string, Extension>()
  const repeated = new Set<string>()
  for (const extension of list?.enterAll(TAG.sequence) ?? []) {
    const id = extension.objectIdentifier()
    // DER leaves out FALSE, the default, but some issuers write it
    const written = extension.optionalContent(TAG.boolean)
    const critical = written !== undefined && written[0] !== 0
    const value = extension.content(TAG.octetString)
    extension.finish()
    if (extensions.has(id)) {
      repeated.add(id)
    }
    extensions.set(id, { critical, writesDefault: written !== undefined && !critical, value })
  }
  for (const id of repeated) {
    const flaw = `it has the extension ${id} twice`
    if (flaws === undefined) {
      throw new Error(flaw)
    }
    flaws.push(flaw)
    extensions.delete(id)
  }
  return extensions
}

/**
 * Returns the elements of an extension that is a SEQUENCE OF; none without the extension.
 *
 * @throws Error when it is malformed
 */
export function listElements(extensions: Extensions, id: string): Buffer[] {
  const extension = extensions.get(id)
  return extension === undefined ? [] : new DerReader(extension.value).enter(TAG.sequence).elements()
}

/** Converts the content of an INTEGER. One of more than four octets becomes infinite, which no number that counts here reaches. */
export function toCount(integer: Buffer): number {
  return integer.length > 4 ? Number.POSITIVE_INFINITY : integer.readIntBE(0, integer.length)
}

/** Returns whether an extension says that it is not critical. Validators that encode it anew find the signature over it broken. */
export function hasWrittenDefault(extensions: Extensions): boolean {
  return [...extensions.values()].some(({ writesDefault }) => writesDefault)
}

/** Names a critical extension that is not among those that are understood (RFC 5280 4.2). */
export function findUnknownCritical(
  extensions: Extensions,
  understood: readonly string[],
): string | undefined {
  const [id] = [...extensions].find(([id, { critical }]) => critical && !understood.includes(id)) ?? []
  return id && `it has a critical extension that is not supported, ${id}`
}
