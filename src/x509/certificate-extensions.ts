import type { X509Certificate } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'

/** In the order of their bits (RFC 5280 4.2.1.3). */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const

/** id-ad-ocsp (RFC 5280 4.2.2.1). */
const OCSP = '1.3.6.1.5.5.7.48.1'
/** The alternative uniformResourceIdentifier of a GeneralName (RFC 5280 4.2.1.6). */
const URI = 6

export type KeyUsage = (typeof KEY_USAGES)[number]

/** What a certificate's extensions say; of one that is there but cannot be read, the least that it may allow. */
export interface CertificateExtensions {
  /** Of the certificate: 1 to 3, of which only the last has extensions (RFC 5280 4.1.2.1). */
  readonly version: number
  /** Identifiers of those that may not be passed over. */
  readonly critical: readonly string[]
  /** Whether it is that of a certificate authority (basicConstraints, RFC 5280 4.2.1.9). */
  readonly ca: boolean
  /** How many certificates of authorities may be between it and a leaf; infinite where there is no limit. */
  readonly pathLength: number
  /** Undefined where nothing is said: then all are allowed. */
  readonly keyUsage: readonly KeyUsage[] | undefined
  /** Identifiers of the purposes (RFC 5280 4.2.1.12); undefined where nothing is said: then all are allowed. */
  readonly extendedKeyUsage: readonly string[] | undefined
  /** Whether it says where to ask about its revocation: a URI of an OCSP responder or of a CRL. */
  readonly revocationAddress: boolean
}

/** @throws Error when asn1js cannot read the certificate, though OpenSSL could */
export function readExtensions({ raw }: X509Certificate): CertificateExtensions {
  const { version, extensions = [] } = pkijs.Certificate.fromBER(raw)
  const find = (id: string) => extensions.find(({ extnID }) => extnID === id)
  const constraints = parsed(find(pkijs.id_BasicConstraints), pkijs.BasicConstraints)
  const limit = constraints?.pathLenConstraint
  return {
    version: version + 1,
    critical: extensions.filter(({ critical }) => critical).map(({ extnID }) => extnID),
    ca: constraints?.cA === true,
    pathLength: typeof limit === 'number' ? limit : Number.POSITIVE_INFINITY,
    keyUsage: readKeyUsage(find(pkijs.id_KeyUsage)),
    extendedKeyUsage: readExtendedKeyUsage(find(pkijs.id_ExtKeyUsage)),
    revocationAddress:
      hasResponder(find(pkijs.id_AuthorityInfoAccess)) || hasList(find(pkijs.id_CRLDistributionPoints)),
  }
}

function readKeyUsage(extension: pkijs.Extension | undefined): readonly KeyUsage[] | undefined {
  if (extension === undefined) {
    return undefined
  }
  const bits = parsed(extension, asn1js.BitString)?.valueBlock.valueHexView ?? new Uint8Array()
  return KEY_USAGES.filter((_, bit) => ((bits[bit >> 3] ?? 0) << (bit & 7)) & 0x80)
}

function readExtendedKeyUsage(extension: pkijs.Extension | undefined): readonly string[] | undefined {
  return extension && (parsed(extension, pkijs.ExtKeyUsage)?.keyPurposes ?? [])
}

function hasResponder(extension: pkijs.Extension | undefined): boolean {
  const { accessDescriptions = [] } = parsed(extension, pkijs.InfoAccess) ?? {}
  return accessDescriptions.some(
    ({ accessMethod, accessLocation }) => accessMethod === OCSP && accessLocation.type === URI,
  )
}

/** A distribution point may also be named relative to the CRL's issuer, for a directory (RFC 5280 4.2.1.13). */
function hasList(extension: pkijs.Extension | undefined): boolean {
  const { distributionPoints = [] } = parsed(extension, pkijs.CRLDistributionPoints) ?? {}
  return distributionPoints.some(
    ({ distributionPoint: names }) => Array.isArray(names) && names.some(({ type }) => type === URI),
  )
}

function parsed<T>(extension: pkijs.Extension | undefined, type: new () => T): T | undefined {
  const value: unknown = extension?.parsedValue
  return value instanceof type ? value : undefined
}
