/** Types of a page's request to the SDK, and of the answer that is handed to the SDK, in the SDK's words. */
import type { Level } from '../../../src/configuration/container-configuration.ts'

/** The types of signatures, as the SDK spells them. */
export const SIGNATURE_TYPES = ['CAdES', 'CMS'] as const
export type SignatureType = (typeof SIGNATURE_TYPES)[number]

/** `signatureContainer`: who builds the SignedData, the SDK (raw) or the other side (pkcs7). */
export type SignatureContainer = 'raw' | 'pkcs7'

export interface SigningData {
  readonly signatureContainer: SignatureContainer
  /** CAdES by default. */
  readonly signatureType?: SignatureType
  /** b-lt by default, for CMS too. */
  readonly padesLevel?: Level
  /** Whether OCSP responses go into a DSS dictionary; false by default. */
  readonly ltv?: boolean
}

/** The bytes to sign, as a callback gets them. */
export interface ToSign {
  /** SHA-256 in upper-case hex. */
  readonly hash: string
  /** DER SET OF Attribute. */
  readonly dataToBeSigned: Buffer
  readonly signingData: SigningData
}

export interface OcspResponse {
  /** Upper-case hex of whole octets. */
  readonly serialNumber: string
  /** DER OCSPResponse. */
  readonly body: Buffer
}

/** A signature, and what takes its document to a level. */
export interface Handed {
  /** The bare octets. */
  readonly signedData?: Buffer
  /** DER SignedData. */
  readonly pkcs7?: Buffer
  /** DER TimeStampResp. */
  readonly timestampResponse?: Buffer
  readonly ocspResponses: readonly OcspResponse[]
  /** DER CertificateList. The SDK has no place for them. */
  readonly crls: readonly Buffer[]
  /** Tells more than the SDK reads. */
  readonly level: Level
  readonly shortfall?: string
}

/** Who signs for the SDK: a back end that the SDK itself calls, or a callback of the page. */
export interface SigningWay {
  /** Returns certificates as DER, that of the signer first. */
  certificates(): Promise<[Buffer, ...Buffer[]]>
  sign(toSign: ToSign): Promise<Handed>
}

/** The error that a page gets from the SDK. */
export class WebSdkError extends Error {
  override readonly name = 'PSPDFKitError'
}
