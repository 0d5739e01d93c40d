/**
 * A stand-in for Document Engine: signs a PDF by making the callbacks that Document Engine makes, in its order.
 *
 * @example
 * const { pdf } = await signPdf({ pdf: await readFile('in.pdf'), url: 'http://127.0.0.1:6080/sign' })
 */
import * as asn1js from 'asn1js'
import { readPdfSignatures } from '../validators/pdf-signatures.ts'
import { type Call, type CallbackClient, createCallbackClient } from './callback-client.ts'
import { parseDer } from './der.ts'
import { addDssDictionary, type ValidationData } from './dss-dictionary.ts'
import { embed, signedBytes } from './embed.ts'
import { SignPdfError } from './errors.ts'
import { digest } from './hash.ts'
import { rawContainer } from './raw-container.ts'
import { reserve } from './reserve.ts'
import {
  type Container,
  DEFAULT_ESTIMATED_SIZE,
  DEFAULT_TIMEOUT_MS,
  DEFAULT_URL,
  type HashAlgorithm,
  type SignatureType,
  SUB_FILTERS,
} from './signature-options.ts'
import { dataToBeSigned, signedAttributes } from './signed-attributes.ts'
import { fetchTimestamp } from './timestamp.ts'
import { collectValidationData } from './validation-data.ts'

export interface SignPdfOptions {
  pdf: Uint8Array
  /** SIGNING_SERVICE_URL; http://127.0.0.1:6080/sign by default. */
  url?: string | undefined
  /** `pkcs7` by default. */
  container?: Container | undefined
  /** `cades` by default. */
  type?: SignatureType | undefined
  /** `sha256` by default. */
  hash?: HashAlgorithm | undefined
  /** Sent with every callback, verbatim. */
  signingToken?: string | undefined
  name?: string | undefined
  reason?: string | undefined
  location?: string | undefined
  /** Address of a timestamp authority, for a signature timestamp in `raw` containers, as Document Engine has it at b-t. */
  tsaUrl?: string | undefined
  /**
   * Whether a DSS dictionary with what is to be known about the certificates of all signatures of the PDF is added
   * (PAdES-BASELINE-LT, EN 319 142-1 6.3); false by default.
   */
  dss?: boolean | undefined
  /** Limit of each callback, and of each question to an authority; 5000 ms by default. */
  timeoutMs?: number | undefined
  /** Bytes reserved for the container; 32768 by default. */
  estimatedSize?: number | undefined
}

export interface SignedPdf {
  /** The original bytes, then the incremental update that carries the signature, then that of the DSS dictionary. */
  pdf: Buffer
  fieldName: string
  /** DER of the SignedData that was embedded. */
  container: Buffer
  /** The callbacks, in order. */
  calls: readonly Call[]
}

interface ContainerInput {
  type: SignatureType
  hash: HashAlgorithm
  /** The bytes that the ByteRange covers. */
  content: Buffer
  signingTime: Date
  timeoutMs: number
  tsaUrl: string | undefined
}

async function fetchRawContainer(client: CallbackClient, input: ContainerInput): Promise<Buffer> {
  const { type, hash, content, signingTime, tsaUrl, timeoutMs } = input
  const certificates = await client.getCertificates()
  const contentDigest = digest(hash, content)
  const leafDigest = digest('sha256', certificates[0])
  const attributes = signedAttributes({ type, contentDigest, leafDigest, signingTime })
  const signature = await client.sign({ hash, type, data: dataToBeSigned(attributes) })
  const timestamp = tsaUrl === undefined ? undefined : await fetchTimestamp(tsaUrl, signature, timeoutMs)
  return rawContainer({ hash, attributes, certificates, signature, timestamp })
}

async function fetchPkcs7Container(client: CallbackClient, input: ContainerInput): Promise<Buffer> {
  const { type, hash, content } = input
  // Document Engine asks for the certificates of a CAdES signature even when it leaves the container to the service.
  if (type === 'cades') await client.getCertificates()
  const container = await client.signPkcs7({ hash, type, digest: digest(hash, content), contents: content })
  if (!(parseDer(container) instanceof asn1js.Sequence)) {
    throw new SignPdfError(
      'INVALID_ANSWER',
      'The signing service answered sign_pkcs7 with something else than DER',
    )
  }
  return container
}

/** Adds what validators need to know about each signature of a PDF to its DSS dictionary. */
async function withValidationData(pdf: Buffer, timeoutMs: number): Promise<Buffer> {
  const data: ValidationData[] = []
  for (const { cms } of readPdfSignatures(pdf)) data.push(await collectValidationData(cms, timeoutMs))
  return addDssDictionary(pdf, {
    certificates: data.flatMap(({ certificates }) => certificates),
    ocspResponses: data.flatMap(({ ocspResponses }) => ocspResponses),
    crls: data.flatMap(({ crls }) => crls),
  })
}

/**
 * Signs a PDF through the signing service.
 *
 * @throws SignPdfError with a `code`, and with the service's status, code and message in `refusal` when it refused
 */
export async function signPdf(options: SignPdfOptions): Promise<SignedPdf> {
  const { container: kind = 'pkcs7', type = 'cades', hash = 'sha256', tsaUrl } = options
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const signingTime = new Date()
  const client = createCallbackClient({
    url: options.url ?? DEFAULT_URL,
    timeoutMs,
    signingToken: options.signingToken,
  })
  const { pdf, byteRange, fieldName } = await reserve({
    pdf: options.pdf,
    subFilter: SUB_FILTERS[type],
    estimatedSize: options.estimatedSize ?? DEFAULT_ESTIMATED_SIZE,
    signingTime,
    name: options.name,
    reason: options.reason,
    location: options.location,
  })

  const fetchContainer = kind === 'raw' ? fetchRawContainer : fetchPkcs7Container
  const content = signedBytes(pdf, byteRange)
  const container = await fetchContainer(client, { type, hash, content, signingTime, timeoutMs, tsaUrl })
  embed(pdf, byteRange, container)
  const complete = options.dss ? await withValidationData(pdf, timeoutMs) : pdf
  return { pdf: complete, fieldName, container, calls: client.calls }
}
