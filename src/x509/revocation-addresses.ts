import { DerReader } from '../asn1/der-reader.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import type { CertificateFields } from './certificate-fields.ts'
import type { Extensions } from './extensions.ts'
import { includesName, URI } from './general-names.ts'
import { EXTENSION, ID_AD_OCSP } from './object-identifiers.ts'

/** Fields of a DistributionPoint (RFC 5280 4.2.1.13). */
const REASONS = contextTag(1, 'primitive')
const CRL_ISSUER = contextTag(2)

/** Addresses of one kind that are asked. Without a limit, a certificate could make the service wait for hundreds. */
const MAX_ADDRESSES = 4

/** The addresses in a certificate that tell about its revocation. */
export interface RevocationAddresses {
  /** Addresses of OCSP responders, in the certificate's order. */
  readonly ocsp: readonly URL[]
  /** Addresses of complete CRLs of the certificate's own issuer, in the certificate's order. */
  readonly crl: readonly URL[]
  /** All GeneralNames of the distribution points of such CRLs, DER. */
  readonly distributionPoints: readonly Buffer[]
  /** Addresses of either kind that are never asked, since they are neither http nor https. */
  readonly ignored: { readonly ocsp: readonly string[]; readonly crl: readonly string[] }
}

/**
 * Reads authorityInfoAccess and cRLDistributionPoints (RFC 5280 4.2.2.1, 4.2.1.13).
 *
 * @throws Error when the extensions are malformed
 */
export function readAddresses({
  issuer,
  extensions,
}: Pick<CertificateFields, 'issuer' | 'extensions'>): RevocationAddresses {
  const points = listOf(extensions, EXTENSION.crlDistributionPoints)
  const distributionPoints = readDistributionPoints(points, issuer)
  const ocsp = toUrls(readResponders(listOf(extensions, EXTENSION.authorityInfoAccess)))
  const crl = toUrls(distributionPoints)
  return {
    ocsp: ocsp.urls,
    crl: crl.urls,
    distributionPoints,
    ignored: { ocsp: ocsp.ignored, crl: crl.ignored },
  }
}

function listOf(extensions: Extensions, id: string): DerReader | undefined {
  const extension = extensions.get(id)
  return extension && new DerReader(extension.value).enter(TAG.sequence)
}

function readResponders(list: DerReader | undefined): Buffer[] {
  const names: Buffer[] = []
  while (list?.tag !== undefined) {
    const access = list.enter(TAG.sequence)
    if (access.objectIdentifier() === ID_AD_OCSP) {
      names.push(access.element())
    }
  }
  return names
}

function readDistributionPoints(list: DerReader | undefined, issuer: Buffer): Buffer[] {
  const names: Buffer[] = []
  while (list?.tag !== undefined) {
    const point = list.enter(TAG.sequence)
    const fullName = point.enterOptional(contextTag(0))?.enterOptional(contextTag(0))
    const isForSomeReasons = point.optionalContent(REASONS) !== undefined
    const crlIssuer = point.enterOptional(CRL_ISSUER)
    // Some authorities name themselves there, though they must not. CRLs of other issuers are not supported
    if (!isForSomeReasons && (crlIssuer === undefined || includesName(crlIssuer, issuer))) {
      names.push(...(fullName?.elements() ?? []))
    }
  }
  return names
}

function toUrls(names: readonly Buffer[]): { urls: URL[]; ignored: string[] } {
  const texts = names
    .filter(([tag]) => tag === URI)
    .map((name) => new DerReader(name).content(URI).toString('latin1'))
  const urls = texts.filter(isHttp).map((text) => new URL(text))
  return { urls: urls.slice(0, MAX_ADDRESSES), ignored: texts.filter((text) => !isHttp(text)) }
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)
}
