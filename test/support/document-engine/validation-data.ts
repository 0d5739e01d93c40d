import { X509Certificate } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { ValidationData } from './dss-dictionary.ts'
import { SignPdfError } from './errors.ts'
import { askAuthority } from './exchange.ts'
import { digest } from './hash.ts'
import { HASH_ALGORITHMS, HASH_OIDS } from './signature-options.ts'
import { childrenOf, derOf, readSignedData, taggedChildren } from './signed-data.ts'

/** id-pkix-ocsp-nocheck: nobody is asked about a responder whose certificate has it (RFC 6960 4.2.2.2.1). */
const OCSP_NO_CHECK = '1.3.6.1.5.5.7.48.1.5'
const CRL_DISTRIBUTION_POINTS = '2.5.29.31'
/** GeneralName: uniformResourceIdentifier (RFC 5280 4.2.1.6). */
const URI = 6
/** CertStatus: [2] unknown (RFC 6960 4.2.1). */
const UNKNOWN = 2

/**
 * Collects what validators need to know about a signature: the chains of the signer, of its timestamp and of the OCSP
 * responders, and whether one of their certificates but the roots was revoked. What the container brings is taken from
 * it, the rest from the addresses that the certificates name: of OCSP responders first, then of CRLs. A root that
 * nobody has is left out: validators that trust it know it. Signatures are left to whoever validates.
 *
 * @param container DER SignedData
 * @param timeoutMs limit of each exchange
 * @throws SignPdfError INVALID_ANSWER where the container has something that cannot be read, NO_VALIDATION_DATA where
 *   nobody tells whether a certificate was revoked
 */
export async function collectValidationData(
  container: Uint8Array,
  timeoutMs: number,
): Promise<ValidationData> {
  const collection = collectionOf(readSignedData(container))
  // The loop comes to the certificates that are added meanwhile as well
  for (const certificate of collection.certificates.values()) {
    if (certificate.checkIssued(certificate)) continue
    const reasons: string[] = []
    const issuer = await findIssuer(collection, certificate, timeoutMs, reasons)
    if (!(await findRevocation(collection, { certificate, issuer }, timeoutMs, reasons))) {
      const why = reasons.join('; ') || 'the certificate names no address'
      const name = certificate.subject.replaceAll('\n', ', ')
      throw new SignPdfError('NO_VALIDATION_DATA', `Nobody tells whether ${name} was revoked: ${why}`)
    }
  }
  const certificates = [...collection.certificates.values()].map(({ raw }) => raw)
  return { ...collection, certificates }
}

interface Collection {
  /** Keyed by fingerprint. */
  readonly certificates: Map<string, X509Certificate>
  readonly ocspResponses: Uint8Array[]
  readonly crls: Uint8Array[]
}

/** Returns what a container brings. */
function collectionOf({ certificates, ocspResponses, crls }: ValidationData): Collection {
  const collection: Collection = { certificates: new Map(), ocspResponses: [], crls: [] }
  try {
    for (const der of certificates) addCertificate(collection, der)
    for (const der of ocspResponses) addResponse(collection, der)
    for (const der of crls) addCrl(collection, der)
  } catch (cause) {
    const message = 'A container has a certificate, OCSP response or CRL that cannot be read'
    throw new SignPdfError('INVALID_ANSWER', message, { cause })
  }
  return collection
}

interface Link {
  readonly certificate: X509Certificate
  readonly issuer: X509Certificate | undefined
}

function addCertificate({ certificates }: Collection, der: Uint8Array): X509Certificate {
  const certificate = new X509Certificate(der)
  const known = certificates.get(certificate.fingerprint256) ?? certificate
  certificates.set(certificate.fingerprint256, known)
  return known
}

/** Adds an OCSPResponse and the certificates in it, which are those of the responder. */
function addResponse(collection: Collection, der: Uint8Array): void {
  for (const certificate of basicResponse(der).certificates) addCertificate(collection, certificate)
  collection.ocspResponses.push(der)
}

/** @throws Error where it is no CRL */
function addCrl(collection: Collection, der: Uint8Array): void {
  pkijs.CertificateRevocationList.fromBER(der)
  collection.crls.push(der)
}

/** Reads the BasicOCSPResponse (RFC 6960 4.2.1) in an OCSPResponse. */
function basicResponse(der: Uint8Array): { response: pkijs.BasicOCSPResponse; certificates: Buffer[] } {
  const { responseBytes } = pkijs.OCSPResponse.fromBER(der)
  if (responseBytes === undefined) throw new Error('gives no OCSP response')
  const basic = responseBytes.response.valueBlock.valueHexView
  const certificates = taggedChildren(asn1js.fromBER(basic).result, 0).flatMap(childrenOf).map(derOf)
  return { response: pkijs.BasicOCSPResponse.fromBER(basic), certificates }
}

/** Returns the issuer's certificate, which is added where it has to be asked for; undefined where nobody has it. */
async function findIssuer(
  collection: Collection,
  certificate: X509Certificate,
  timeoutMs: number,
  reasons: string[],
): Promise<X509Certificate | undefined> {
  const isIssuer = (other: X509Certificate) =>
    certificate.checkIssued(other) && certificate.verify(other.publicKey)
  const known = [...collection.certificates.values()].find(isIssuer)
  return (
    known ??
    firstOf(accessAddresses(certificate, 'CA Issuers'), reasons, async (url) => {
      const issuer = new X509Certificate(await askAuthority(url, timeoutMs))
      if (!isIssuer(issuer)) throw new Error('has another certificate')
      return addCertificate(collection, issuer.raw)
    })
  )
}

/** Returns whether the collection tells of a certificate, once all that is named was asked as far as necessary. */
async function findRevocation(
  collection: Collection,
  { certificate, issuer }: Link,
  timeoutMs: number,
  reasons: string[],
): Promise<boolean> {
  const parsed = pkijs.Certificate.fromBER(certificate.raw)
  const extension = (id: string) => parsed.extensions?.find(({ extnID }) => extnID === id)
  const isCrl = (der: Uint8Array) =>
    pkijs.CertificateRevocationList.fromBER(der).issuer.isEqual(parsed.issuer)
  const isKnown =
    extension(OCSP_NO_CHECK) !== undefined ||
    collection.crls.some(isCrl) ||
    collection.ocspResponses.some((response) => isAbout(response, parsed))
  if (isKnown) return true

  const responders = accessAddresses(certificate, 'OCSP')
  if (issuer === undefined && responders.length > 0) {
    reasons.push('an OCSP request takes the certificate of the issuer, which nobody has')
  }
  const answered =
    issuer &&
    (await firstOf(responders, reasons, async (url) => {
      const body = await ocspRequest(parsed, pkijs.Certificate.fromBER(issuer.raw))
      const response = await askAuthority(url, timeoutMs, { contentType: 'application/ocsp-request', body })
      if (!isAbout(response, parsed)) throw new Error('does not know the certificate')
      addResponse(collection, response)
      return true
    }))
  if (answered) return true
  const points = extension(CRL_DISTRIBUTION_POINTS)?.parsedValue
  const listed = await firstOf(crlAddresses(points), reasons, async (url) => {
    const crl = await askAuthority(url, timeoutMs)
    if (!isCrl(crl)) throw new Error('has the CRL of another issuer')
    addCrl(collection, crl)
    return true
  })
  return listed === true
}

/** Returns the first result of `ask`; what it throws of the addresses before is added to `reasons`. */
async function firstOf<T>(
  urls: readonly string[],
  reasons: string[],
  ask: (url: string) => Promise<T>,
): Promise<T | undefined> {
  for (const url of urls) {
    try {
      return await ask(url)
    } catch (error) {
      reasons.push(`${url}: ${(error as Error).message}`)
    }
  }
  return undefined
}

/** DER of an OCSPRequest (RFC 6960 4.1.1) without a nonce. */
async function ocspRequest(
  certificate: pkijs.Certificate,
  issuerCertificate: pkijs.Certificate,
): Promise<Buffer> {
  const request = new pkijs.OCSPRequest()
  await request.createForCertificate(certificate, { hashAlgorithm: 'SHA-1', issuerCertificate })
  return Buffer.from(request.toSchema(true).toBER())
}

/**
 * Tells whether a responder knows a certificate, by serial number and by the name of the issuer: the hash of its key
 * (RFC 6960 4.1.1) would take the issuer's certificate.
 */
function isAbout(response: Uint8Array, { serialNumber, issuer }: pkijs.Certificate): boolean {
  return basicResponse(response).response.tbsResponseData.responses.some(({ certID, certStatus }) => {
    const hash = HASH_ALGORITHMS.find((one) => HASH_OIDS[one] === certID.hashAlgorithm.algorithmId)
    return (
      hash !== undefined &&
      digest(hash, Buffer.from(issuer.valueBeforeDecode)).equals(
        certID.issuerNameHash.valueBlock.valueHexView,
      ) &&
      serialNumber.isEqual(certID.serialNumber) &&
      certStatus.idBlock.tagNumber !== UNKNOWN
    )
  })
}

/** Returns the http addresses of a method in authorityInfoAccess (RFC 5280 4.2.2.1), of which Node.js makes lines. */
function accessAddresses({ infoAccess }: X509Certificate, method: 'OCSP' | 'CA Issuers'): string[] {
  const prefix = `${method} - URI:`
  const lines = (infoAccess ?? '').split('\n').filter((line) => line.startsWith(prefix))
  return lines.map((line) => line.slice(prefix.length)).filter(isHttp)
}

function crlAddresses(extension: unknown): string[] {
  const points = extension instanceof pkijs.CRLDistributionPoints ? extension.distributionPoints : []
  const names = points.flatMap(({ distributionPoint }) =>
    Array.isArray(distributionPoint) ? distributionPoint : [],
  )
  return names.flatMap(({ type, value }) => (type === URI && isHttp(value) ? [value] : []))
}

function isHttp(url: string): boolean {
  return /^https?:/.test(url)
}
