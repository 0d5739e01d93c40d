/**
 * Signs a PDF in the browser: reserves room for a signature, has the service sign, and embeds what it answers.
 *
 * @example
 * const { pdf } = await signPdf(bytes, choices, createService('http://127.0.0.1:6080', token), console.log)
 */
import { addDssDictionary } from '../../../test/support/document-engine/dss-dictionary.ts'
import { embed, signedBytes } from '../../../test/support/document-engine/embed.ts'
import { rawContainer } from '../../../test/support/document-engine/raw-container.ts'
import { reserve } from '../../../test/support/document-engine/reserve.ts'
import {
  type Container,
  DEFAULT_ESTIMATED_SIZE,
  type SignatureType,
  SUB_FILTERS,
} from '../../../test/support/document-engine/signature-options.ts'
import { dataToBeSigned, signedAttributes } from '../../../test/support/document-engine/signed-attributes.ts'
import { readSignedData } from '../../../test/support/document-engine/signed-data.ts'
import { timestampTokenOf } from '../../../test/support/document-engine/timestamp-response.ts'
import { type CertificatesAnswer, PageError, type Service, type SignatureAnswer } from './service.ts'

export interface Choices {
  /** The addresses of the Web SDK's back end, or the callback of Document Engine with its answer in JSON. */
  readonly way: 'web-sdk' | 'callback'
  readonly container: Container
  readonly type: SignatureType
  /** The level to ask the Web SDK's back end for. The callback has that of the signer. */
  readonly level: 'b-b' | 'b-t' | 'b-lt'
  readonly signer: string
}

export interface SignedPdf {
  readonly pdf: Uint8Array<ArrayBuffer>
  readonly fieldName: string
  /** The level that the service reached, and why it is lower than asked. */
  readonly level: string
  readonly shortfall: string | undefined
  readonly containerBytes: number
}

/** Is told each step before it begins, in a sentence. */
export type Tell = (step: string) => Promise<void>

const HASH = 'sha256'

/** @throws PageError or SignPdfError */
export async function signPdf(
  original: Uint8Array,
  choices: Choices,
  service: Service,
  tell: Tell,
): Promise<SignedPdf> {
  const { type } = choices
  await tell('The page reads the PDF and adds an empty signature.')
  const signingTime = new Date()
  const { pdf, byteRange, fieldName } = await reserve({
    pdf: original,
    subFilter: SUB_FILTERS[type],
    estimatedSize: DEFAULT_ESTIMATED_SIZE,
    signingTime,
    name: 'Demo signer - NOT FOR PRODUCTION',
    reason: 'Demonstration',
  })
  const contentDigest = await sha256(signedBytes(pdf, byteRange))
  const request = { choices, contentDigest, signingTime, service, tell }
  const answer = choices.way === 'web-sdk' ? await askAsWebSdk(request) : await askAsDocumentEngine(request)
  await tell(`The page embeds the container of ${answer.container.byteLength.toLocaleString('en')} bytes.`)
  embed(pdf, byteRange, answer.container)
  return {
    ...{
      fieldName,
      level: answer.level,
      shortfall: answer.shortfall,
      containerBytes: answer.container.byteLength,
    },
    pdf: new Uint8Array(answer.level === 'b-lt' ? await addValidationData(pdf, answer, tell) : pdf),
  }
}

interface Request {
  readonly choices: Choices
  readonly contentDigest: Uint8Array
  readonly signingTime: Date
  readonly service: Service
  readonly tell: Tell
}

interface Answer {
  /** DER SignedData. */
  readonly container: Uint8Array
  /** DER; the signer's first. */
  readonly certificates: readonly Uint8Array[]
  readonly ocspResponses: readonly Uint8Array[]
  readonly crls: readonly Uint8Array[]
  readonly level: string
  readonly shortfall: string | undefined
}

/** Makes the two calls of the Web SDK (`instance.signDocument`, with a back end). */
async function askAsWebSdk({ choices, contentDigest, signingTime, service, tell }: Request): Promise<Answer> {
  const { type, container, level, signer } = choices
  const signingToken = JSON.stringify({ signer })
  await tell('The page asks for the signer’s certificates.')
  const { data: chain } = (await service.post('/api/get_certificates', { signingToken })) as {
    data: CertificatesAnswer
  }
  const certificates = certificatesOf(chain)
  const attributes = signedAttributes({
    ...{ type, contentDigest, signingTime },
    leafDigest: await sha256(certificates[0]),
  })
  await tell(
    'The page sends the attributes to sign, with the hash of the PDF. The service has the HSM sign them.',
  )
  const { data: answer } = (await service.post('/api/sign_hash', {
    dataToBeSigned: dataToBeSigned(attributes).toString('base64'),
    hash: Buffer.from(contentDigest).toString('hex'),
    hashAlgorithm: HASH,
    signatureType: type === 'cades' ? 'CAdES' : 'CMS',
    cadesLevel: level,
    signingToken,
  })) as { data: SignatureAnswer }
  return {
    ...validationDataOf(answer),
    certificates,
    container: container === 'raw' ? assemble(attributes, certificates, answer) : pkcs7Of(answer),
  }
}

/** Makes the callbacks of Document Engine, and asks for their answers in JSON. */
async function askAsDocumentEngine({
  choices,
  contentDigest,
  signingTime,
  service,
  tell,
}: Request): Promise<Answer> {
  const { type, container, signer } = choices
  const common = { signing_token: JSON.stringify({ signer }) }
  const parameters = { ...common, hash_algorithm: HASH, signature_type: type }
  if (container === 'pkcs7') {
    await tell('The page sends the hash of the PDF. The service has the HSM sign, and builds the container.')
    const digest = Buffer.from(contentDigest).toString('hex')
    const answer = await service.post('/sign', { action: 'sign_pkcs7', digest, ...parameters })
    const signed = answer as SignatureAnswer
    return { ...validationDataOf(signed), certificates: certificatesOf(signed), container: pkcs7Of(signed) }
  }
  await tell('The page asks for the signer’s certificates.')
  const chain = await service.post('/sign', { action: 'get_certificates', ...common })
  const certificates = certificatesOf(chain as CertificatesAnswer)
  const attributes = signedAttributes({
    ...{ type, contentDigest, signingTime },
    leafDigest: await sha256(certificates[0]),
  })
  await tell('The page sends the attributes to sign. The service has the HSM sign them.')
  const data = dataToBeSigned(attributes).toString('base64')
  const answer = await service.post('/sign', { action: 'sign', data_to_be_signed: data, ...parameters })
  const signed = answer as SignatureAnswer
  return { ...validationDataOf(signed), certificates, container: assemble(attributes, certificates, signed) }
}

/** Builds the container around a bare signature, with its timestamp where there is one. */
function assemble(
  attributes: ReturnType<typeof signedAttributes>,
  certificates: [Uint8Array, ...Uint8Array[]],
  { signedData, timestampResponse }: SignatureAnswer,
): Uint8Array {
  if (signedData === undefined) {
    throw new PageError(
      'NOT_ALLOWED_FOR_SIGNER',
      'The answer has no bare signature: choose the PKCS#7 container',
    )
  }
  return rawContainer({
    ...{ hash: HASH, attributes, certificates, signature: fromBase64(signedData) },
    timestamp: timestampResponse === undefined ? undefined : timestampTokenOf(fromBase64(timestampResponse)),
  })
}

function pkcs7Of({ pkcs7 }: SignatureAnswer): Uint8Array {
  if (pkcs7 === undefined) {
    throw new PageError('NOT_ALLOWED_FOR_SIGNER', 'The answer has no container: choose the raw one')
  }
  return fromBase64(pkcs7)
}

/** Writes what validators need to know about certificates into the DSS dictionary (EN 319 142-1 5.4.2). */
async function addValidationData(pdf: Uint8Array, answer: Answer, tell: Tell): Promise<Uint8Array> {
  const inContainer = readSignedData(answer.container)
  const data = {
    certificates: [...answer.certificates, ...inContainer.certificates],
    ocspResponses: [...answer.ocspResponses, ...inContainer.ocspResponses],
    crls: [...answer.crls, ...inContainer.crls],
  }
  await tell('The page adds certificates, OCSP responses and CRLs to the PDF, as its DSS dictionary.')
  return addDssDictionary(pdf, data)
}

function validationDataOf({ ocspResponses = [], crls = [], level, shortfall }: SignatureAnswer) {
  return {
    ocspResponses: ocspResponses.map(({ body }) => fromBase64(body)),
    crls: crls.map(fromBase64),
    level,
    shortfall,
  }
}

/** Decodes base64 of PEM. */
function certificatesOf(answer: CertificatesAnswer): [Uint8Array, ...Uint8Array[]] {
  const [leaf, ...chain] = [...(answer.certificates ?? []), ...(answer.ca_certificates ?? [])].map((entry) =>
    fromBase64(atob(entry).replaceAll(/-----[^-]+-----|\s/g, '')),
  )
  if (leaf === undefined) throw new PageError('INVALID_ANSWER', 'The answer has no certificate')
  return [leaf, ...chain]
}

function fromBase64(text: string): Uint8Array {
  return Buffer.from(text, 'base64')
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)))
}
