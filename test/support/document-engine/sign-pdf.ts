/**
 * A stand-in for Document Engine: signs a PDF by making the callbacks that Document Engine makes, in its order.
 *
 * @example
 * const { pdf } = await signPdf({ pdf: await readFile('in.pdf'), url: 'http://127.0.0.1:6080/sign' })
 */
import * as asn1js from 'asn1js'
import { type Call, type CallbackClient, createCallbackClient } from './callback-client.ts'
import { parseDer } from './der.ts'
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
  /** Limit of each callback; 5000 ms by default. */
  timeoutMs?: number | undefined
  /** Bytes reserved for the container; 32768 by default. */
  estimatedSize?: number | undefined
}

export interface SignedPdf {
  /** The original bytes, then the incremental update that carries the signature. */
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
}

async function fetchRawContainer(client: CallbackClient, input: ContainerInput): Promise<Buffer> {
  const { type, hash, content, signingTime } = input
  const certificates = await client.getCertificates()
  const attributes = signedAttributes({ type, hash, content, leaf: certificates[0], signingTime })
  const signature = await client.sign({ hash, type, data: dataToBeSigned(attributes) })
  return rawContainer({ hash, attributes, certificates, signature })
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

/**
 * Signs a PDF through the signing service.
 *
 * @throws SignPdfError with a `code`, and with the service's status, code and message in `refusal` when it refused
 */
export async function signPdf(options: SignPdfOptions): Promise<SignedPdf> {
  const { container: kind = 'pkcs7', type = 'cades', hash = 'sha256' } = options
  const signingTime = new Date()
  const client = createCallbackClient({
    url: options.url ?? DEFAULT_URL,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
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
  const container = await fetchContainer(client, { type, hash, content, signingTime })
  embed(pdf, byteRange, container)
  return { pdf, fieldName, container, calls: client.calls }
}
