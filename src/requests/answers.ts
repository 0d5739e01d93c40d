/** Describes certificates and signatures in JSON, as the vendor's clients take them. */
import type { X509Certificate } from 'node:crypto'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'
import { embedResponder } from '../revocation/ocsp/ocsp-response.ts'
import type { RevocationEvidence } from '../revocation/revocation-information.ts'
import type { ReachedLevel } from '../signing/level.ts'
import { encodeTimestampResponse } from '../timestamp/timestamp-response.ts'

/** Returns the leaf in `certificates` and its issuers, nearest first, in `ca_certificates`, each as base64 of PEM. */
export function describeCertificates({ certificate, issuers }: SignerCertificate) {
  return { certificates: [encodePem(certificate)], ca_certificates: issuers.map(encodePem) }
}

function encodePem(certificate: X509Certificate): string {
  return encodeBase64(Buffer.from(certificate.toString()))
}

/** Returns padded base64 in one line (RFC 4648 4). */
export function encodeBase64(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('base64')
}

/** The level of a signature, and the data with which a document reaches it. */
export interface LevelData extends ReachedLevel {
  /** DER TimeStampToken. */
  readonly timestampToken?: Buffer | undefined
  readonly evidence?: RevocationEvidence | undefined
}

/**
 * Returns the level, and as base64 what takes a document there: `timestampResponse`, a whole TimeStampResp; for the DSS
 * dictionary of a PDF (EN 319 142-1 5.4) `ocspResponses` about the signer's chain, each with the certificate of its
 * responder, and `crls` where OCSP does not suffice.
 */
export function describeLevel(
  { timestampToken, evidence, level, shortfall }: LevelData,
  { path }: SignerCertificate,
) {
  const crls = evidence?.values?.crls ?? []
  return {
    ...(timestampToken && { timestampResponse: encodeBase64(encodeTimestampResponse(timestampToken)) }),
    ...(evidence && { ocspResponses: describeOcspResponses(evidence, path) }),
    ...(crls.length > 0 && { crls: crls.map(encodeBase64) }),
    level,
    ...(shortfall !== undefined && { shortfall }),
  }
}

/** Returns the OCSP responses about certificates of a path, with their serial numbers in upper-case hex of whole octets. */
function describeOcspResponses(
  { ocspResponses }: RevocationEvidence,
  path: readonly X509Certificate[],
): { readonly serialNumber: string; readonly body: string }[] {
  return ocspResponses
    .filter(({ certificate }) => path.some(({ raw }) => raw.equals(certificate.raw)))
    .map(({ der, certificate, signer }) => ({
      serialNumber: certificate.serialNumber,
      body: encodeBase64(embedResponder(der, signer.raw)),
    }))
}
