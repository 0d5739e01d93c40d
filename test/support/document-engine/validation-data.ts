import { X509Certificate } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { ValidationData } from './dss-dictionary.ts'
import { SignPdfError } from './errors.ts'
import { askAuthority } from './exchange.ts'
import { childrenOf, derOf, readSignedData, taggedChildren } from './signed-data.ts'

/** id-pkix-ocsp-nocheck: nobody is asked about a responder whose certificate has it (RFC 6960 4.2.2.2.1). */
const OCSP_NO_CHECK = '1.3.6.1.5.5.7.48.1.5'
const CRL_DISTRIBUTION_POINTS = '2.5.29.31'
/** GeneralName: uniformResourceIdentifier (RFC 5280 4.2.1.6). */
const URI = 6
/** CertStatus unknown, as pkijs has it (RFC 6960 2.2). */
const UNKNOWN = 2

/**
 * Collects what validators need to know about a signature: the chains of the signer, of its timestamp and of the OCSP
 * responders, and whether one of their certificates but the roots was revoked. What the container brings is taken from
 * it, the rest from the addresses that the certificates name: of OCSP responders first, then of CRLs. Signatures of
 * what is collected are left to whoever validates it.
 *
 * @param container DER SignedData
 * @param timeoutMs limit of each exchange
 * @throws SignPdfError NO_VALIDATION_DATA
 */
export async function collectValidationData(
  container: Uint8Array,
  timeoutMs: number,
): Promise<ValidationData> {
  const brought = readSignedData(container)
  const collection: Collection = { certificates: new Map(), ocspResponses: [], crls: [...brought.crls] }
  for (const der of brought.certificates) addCertificate(collection, der)
  for (const der of brought.ocspResponses) addResponse(collection, der)
  // The loop comes to the certificates that are added meanwhile as well
  for (const certificate of collection.certificates.values()) {
    if (!certificate.checkIssued(certificate)) {
      const issuer = await findIssuer(collection, certificate, timeoutMs)
      await findRevocation(collection, { certificate, issuer }, timeoutMs)
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

interface Link {
  readonly certificate: X509Certificate
  readonly issuer: X509Certificate
}

function addCertificate({ certificates }: Collection, der: Uint8Array): X509Certificate {
  const certificate = new X509Certificate(der)
  const known = certificates.get(certificate.fingerprint256) ?? certificate
  certificates.set(certificate.fingerprint256, known)
  return known
}

/** Adds an OCSPResponse and the certificates in it, which are those of the responder. */
function addResponse(collection: Collection, der: Uint8Array): void {
  collection.ocspResponses.push(der)
  for (const certificate of basicResponse(der).certificates) addCertificate(collection, certificate)
}

/** Reads the BasicOCSPResponse (RFC 6960 4.2.1) in an OCSPResponse. */
function basicResponse(der: Uint8Array): { response: pkijs.BasicOCSPResponse; certificates: Buffer[] } {
  const { responseBytes } = pkijs.OCSPResponse.fromBER(der)
  if (responseBytes === undefined) throw new Error('gives no OCSP response')
  const basic = responseBytes.response.valueBlock.valueHexView
  const certificates = taggedChildren(asn1js.fromBER(basic).result, 0).flatMap(childrenOf).map(derOf)
  return { response: pkijs.BasicOCSPResponse.fromBER(basic), certificates }
}

async function findIssuer(
  collection: Collection,
  certificate: X509Certificate,
  timeoutMs: number,
): Promise<X509Certificate> {
  const isIssuer = (other: X509Certificate) =>
    certificate.checkIssued(other) && certificate.verify(other.publicKey)
  const known = [...collection.certificates.values()].find(isIssuer)
  if (known !== undefined) return known
  return firstOf(
    `There is no certificate of the issuer of ${nameOf(certificate)}`,
    accessAddresses(certificate, 'CA Issuers').map((url) => ({
      url,
      async ask() {
        const issuer = new X509Certificate(await askAuthority(url, timeoutMs))
        if (!isIssuer(issuer)) throw new Error('has another certificate')
        return addCertificate(collection, issuer.raw)
      },
    })),
  )
}

async function findRevocation(collection: Collection, link: Link, timeoutMs: number): Promise<void> {
  const { certificate } = link
  const { extensions = [], ...parsed } = pkijs.Certificate.fromBER(certificate.raw)
  if (extensions.some(({ extnID }) => extnID === OCSP_NO_CHECK)) return
  const isCrl = (der: Uint8Array) =>
    pkijs.CertificateRevocationList.fromBER(der).issuer.isEqual(parsed.issuer)
  if (collection.crls.some(isCrl)) return
  for (const response of collection.ocspResponses) {
    if (await isAbout(response, link)) return
  }

  const askResponder = async (url: string) => {
    const body = await ocspRequest(link)
    const response = await askAuthority(url, timeoutMs, { contentType: 'application/ocsp-request', body })
    if (!(await isAbout(response, link))) throw new Error('does not know the certificate')
    addResponse(collection, response)
  }
  const downloadCrl = async (url: string) => {
    const crl = await askAuthority(url, timeoutMs)
    if (!isCrl(crl)) throw new Error('has the CRL of another issuer')
    collection.crls.push(crl)
  }
  const points = extensions.find(({ extnID }) => extnID === CRL_DISTRIBUTION_POINTS)?.parsedValue
  await firstOf(`Nobody tells whether ${nameOf(certificate)} was revoked`, [
    ...accessAddresses(certificate, 'OCSP').map((url) => ({ url, ask: () => askResponder(url) })),
    ...crlAddresses(points).map((url) => ({ url, ask: () => downloadCrl(url) })),
  ])
}

interface Address<T> {
  readonly url: string
  /** Throws where what is there is of no use. */
  ask(): Promise<T>
}

/** Returns what the first address has that can be used. */
async function firstOf<T>(complaint: string, addresses: readonly Address<T>[]): Promise<T> {
  const reasons: string[] = []
  for (const { url, ask } of addresses) {
    try {
      return await ask()
    } catch (error) {
      reasons.push(`${url}: ${(error as Error).message}`)
    }
  }
  const why = reasons.join('; ') || 'the certificate names no address'
  throw new SignPdfError('NO_VALIDATION_DATA', `${complaint}: ${why}`)
}

/** DER of an OCSPRequest (RFC 6960 4.1.1) without a nonce. */
async function ocspRequest({ certificate, issuer }: Link): Promise<Buffer> {
  const request = new pkijs.OCSPRequest()
  await request.createForCertificate(pkijs.Certificate.fromBER(certificate.raw), {
    hashAlgorithm: 'SHA-1',
    issuerCertificate: pkijs.Certificate.fromBER(issuer.raw),
  })
  return Buffer.from(request.toSchema(true).toBER())
}

async function isAbout(response: Uint8Array, { certificate, issuer }: Link): Promise<boolean> {
  const { isForCertificate, status } = await basicResponse(response).response.getCertificateStatus(
    pkijs.Certificate.fromBER(certificate.raw),
    pkijs.Certificate.fromBER(issuer.raw),
  )
  return isForCertificate && status !== UNKNOWN
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

function nameOf({ subject }: X509Certificate): string {
  return subject.replaceAll('\n', ', ')
}
