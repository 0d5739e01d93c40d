/**
 * Requests to which there is one right answer: PKCS#1 v1.5 and CAdES containers without signing-time have no chance in
 * them. OpenSSL has verified it before anything is measured, and then each answer is compared with it.
 */
import { readFileSync } from 'node:fs'
import { send } from '../support/http.ts'
import { verifyCms, verifySignature } from '../support/validators/openssl.ts'
import { documentBody, documentBytes } from './load/document.ts'
import type { CheckedRequest, DocumentKind } from './load/messages.ts'
import { leafOf, type Material } from './material.ts'

/** What a raw signature is over. */
export const RAW_DATA = Buffer.alloc(200, 'attributes to be signed, ')
const DOCUMENT: DocumentKind = { size: 35_000, hashAlgorithm: 'before' }

export type RequestKind = 'raw' | 'pkcs7' | 'certificates'

const BODIES: Readonly<Record<RequestKind, string>> = {
  raw: JSON.stringify({
    action: 'sign',
    data_to_be_signed: RAW_DATA.toString('base64'),
    hash_algorithm: 'sha256',
    signature_type: 'cades',
    signature_container: 'raw',
    signing_token: 'a user',
  }),
  pkcs7: Buffer.concat([...documentBody(DOCUMENT)]).toString(),
  certificates: JSON.stringify({ action: 'get_certificates', signing_token: 'a user' }),
}

/**
 * A request with the right answer to it.
 *
 * @throws Error when the service answers otherwise
 */
export async function learnRequest(
  url: string,
  kind: RequestKind,
  material: Material,
): Promise<CheckedRequest> {
  const body = BODIES[kind]
  const expected = await ask(url, body)
  switch (kind) {
    case 'raw':
      await checkRaw(expected, material)
      break
    case 'pkcs7':
      await checkContainer(expected, documentBytes(DOCUMENT), material)
      break
    case 'certificates':
      checkCertificates(expected, material)
  }
  return { body, expected }
}

/** The container for a document. */
export async function learnContainer(url: string, kind: DocumentKind, material: Material): Promise<Buffer> {
  const expected = await ask(url, Buffer.concat([...documentBody(kind)]))
  await checkContainer(expected, documentBytes(kind), material)
  return expected
}

/** @throws Error when OpenSSL refuses a raw signature over `RAW_DATA` */
export async function checkRaw(signature: Buffer, material: Material): Promise<void> {
  const certificate = leafOf(material)
  refuseUnless(await verifySignature({ certificate, hash: 'sha256', data: RAW_DATA, signature }))
}

async function checkContainer(cms: Buffer, content: Buffer, { certificates }: Material): Promise<void> {
  refuseUnless(await verifyCms({ cms, content, trustAnchors: certificates.root, cades: true }))
}

function checkCertificates(answer: Buffer, { certificates }: Material): void {
  const [leaf] = JSON.parse(answer.toString()).certificates
  const valid =
    Buffer.from(leaf, 'base64').toString().trim() === readFileSync(certificates.leaf, 'utf8').trim()
  refuseUnless({ valid, message: 'the first certificate is not the signer’s' })
}

function refuseUnless({ valid, message }: { valid: boolean; message: string }): void {
  if (!valid) {
    throw new Error(`a wrong answer before the measurement: ${message}`)
  }
}

async function ask(url: string, body: string | Buffer): Promise<Buffer> {
  const answer = await send(`${url}/sign`, { method: 'POST', body })
  if (answer.statusCode !== 200) {
    throw new Error(`${answer.statusCode} before the measurement: ${answer.body}`)
  }
  return answer.body
}
