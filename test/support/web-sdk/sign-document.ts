/**
 * A stand-in for the Web SDK: signs a PDF as a page has it signed, by a back end that the SDK calls or by a callback.
 *
 * @example
 * const page = new StandInPage('https://app.example.com')
 * const signingData = { signatureContainer: 'pkcs7', ltv: true } as const
 * const { pdf } = await signDocument(original, { signingData }, backEnd(page, { jwt, serverUrl }))
 */
import { X509Certificate } from 'node:crypto'
import { addDssDictionary } from '../document-engine/dss-dictionary.ts'
import { embed, signedBytes } from '../document-engine/embed.ts'
import { digest } from '../document-engine/hash.ts'
import { rawContainer } from '../document-engine/raw-container.ts'
import { reserve } from '../document-engine/reserve.ts'
import { SUB_FILTERS } from '../document-engine/signature-options.ts'
import { dataToBeSigned } from '../document-engine/signed-attributes.ts'
import { readSignedData } from '../document-engine/signed-data.ts'
import { timestampTokenOf } from '../document-engine/timestamp-response.ts'
import { sdkAttributes } from './signed-attributes.ts'
import type { Handed, SigningData, SigningWay } from './signing-data.ts'
import { reencodeToken } from './timestamp.ts'

/** Octets that the SDK keeps free for the container, where the page does not say `placeholderSize`. */
const DEFAULT_PLACEHOLDER_SIZE = 16_385

export interface SignDocumentOptions {
  readonly signingData: SigningData
  readonly placeholderSize?: number
  /** Whether a timestamp token goes into a raw signature's container as it came, which the SDK does not do; false by default. */
  readonly keepsToken?: boolean
  /** Whether CRLs go into the DSS dictionary, for which the SDK has no place; false by default. */
  readonly writesCrls?: boolean
}

export interface SignedDocument {
  /** The original bytes, the update with the signature, then that with the DSS dictionary. */
  readonly pdf: Buffer
  /** DER SignedData. */
  readonly container: Buffer
  /** The bytes that the signature is over. */
  readonly content: Buffer
  /** The answer of the service. */
  readonly handed: Handed
}

export async function signDocument(
  original: Uint8Array,
  options: SignDocumentOptions,
  way: SigningWay,
): Promise<SignedDocument> {
  const { signingData, placeholderSize = DEFAULT_PLACEHOLDER_SIZE, keepsToken = false } = options
  const { signatureType = 'CAdES', signatureContainer } = signingData
  const certificates = await way.certificates()
  const reserved = await reserve({
    pdf: original,
    subFilter: SUB_FILTERS[signatureType === 'CAdES' ? 'cades' : 'cms'],
    estimatedSize: placeholderSize,
    signingTime: new Date(),
  })
  const content = signedBytes(reserved.pdf, reserved.byteRange)
  const contentDigest = digest('sha256', content)
  const attributes = sdkAttributes(signatureType, contentDigest, certificates[0])
  const handed = await way.sign({
    hash: contentDigest.toString('hex').toUpperCase(),
    dataToBeSigned: dataToBeSigned(attributes),
    signingData,
  })
  const { signedData, pkcs7, timestampResponse } = handed
  const token = timestampResponse && timestampTokenOf(timestampResponse)
  const container =
    signatureContainer === 'pkcs7'
      ? required(pkcs7)
      : rawContainer({
          ...{ hash: 'sha256', attributes, certificates, signature: required(signedData) },
          timestamp: token && (keepsToken ? token : reencodeToken(token)),
        })
  embed(reserved.pdf, reserved.byteRange, container)
  const pdf = await withDictionary(reserved.pdf, { handed, certificates, container, options })
  return { pdf, container, content, handed }
}

function required(octets: Buffer | undefined): Buffer {
  if (octets === undefined) {
    throw new TypeError('the signature has another form than was asked for')
  }
  return octets
}

interface ForDictionary {
  readonly handed: Handed
  /** DER, that of the signer first. */
  readonly certificates: readonly Buffer[]
  readonly container: Buffer
  readonly options: SignDocumentOptions
}

/**
 * Adds a DSS dictionary where the page asked for `ltv`. It gets the OCSP responses whose serial number is that of a
 * certificate in the signer's chain, and the certificates of that chain and of the timestamp.
 */
async function withDictionary(
  pdf: Buffer,
  { handed, certificates, container, options }: ForDictionary,
): Promise<Buffer> {
  const serialNumbers = certificates.map((der) => new X509Certificate(der).serialNumber)
  const ocspResponses = handed.ocspResponses
    .filter(({ serialNumber }) => serialNumbers.includes(serialNumber))
    .map(({ body }) => body)
  const crls = options.writesCrls ? handed.crls : []
  if (!options.signingData.ltv || ocspResponses.length + crls.length === 0) {
    return pdf
  }
  const all = [...certificates, ...readSignedData(container).certificates]
  return addDssDictionary(pdf, { certificates: all, ocspResponses, crls })
}
