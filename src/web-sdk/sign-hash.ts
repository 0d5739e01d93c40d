import type { FastifyRequest } from 'fastify'
import type { SignatureForm } from '../configuration/signer-configuration.ts'
import { PAYLOAD_TOO_LARGE } from '../errors.ts'
import type { SignOptions } from '../pkcs11/pool/signing-jobs.ts'
import { describeLevel, encodeBase64 } from '../requests/answers.ts'
import { noteLevel, noteSignature } from '../requests/notes.ts'
import { signAtLevel } from '../signing/sign-at-level.ts'
import { checkSize } from '../signing/size-limit.ts'
import type { SignHashRequest } from './prepare.ts'

interface SignHashContext {
  /** Forms in which the signature is answered. */
  readonly forms: readonly SignatureForm[]
  readonly options: SignOptions
}

/**
 * Signs the attributes of a request, once, and returns the signature in each form: `signedData` as base64 of its octets, and
 * `pkcs7` as base64 of a DER container around the very attributes that came.
 *
 * @throws PAYLOAD_TOO_LARGE, and the errors of `signAtLevel`
 */
export async function signHash(
  request: Pick<FastifyRequest, 'decision' | 'logDetails' | 'container'>,
  { signer, level, hashAlgorithm, attributes, digest }: SignHashRequest,
  { forms, options }: SignHashContext,
) {
  const begun = performance.now()
  const signerCertificate = signer.validCertificate()
  const { algorithm, publicKey, template } = signerCertificate
  const shared = { hashAlgorithm, signedAttributes: attributes }
  const encode = (signature: Uint8Array, timestamp?: Buffer) => {
    const container = template.signedData({ ...shared, signature, ...(timestamp && { timestamp }) })
    checkRoom(container.length, attributes, signer)
    return container
  }
  const isContainerAnswered = forms.includes('pkcs7')
  if (isContainerAnswered) {
    // Checked before signing, so that the HSM makes no signature for a container that is refused
    const signature = Buffer.alloc(algorithm.maxLength(publicKey))
    checkRoom(template.signedDataLength({ ...shared, signature }), attributes, signer)
  }
  const signed = { digest, message: attributes }
  const made = await signAtLevel({ signerCertificate, hashAlgorithm, signed, level }, { signer, options })
  const { signature, timestampToken } = made
  noteSignature(request, { signature, signerCertificate, keyId: signer.keyId, begun })
  noteLevel(request, made)
  return {
    ...(forms.includes('raw') && { signedData: encodeBase64(signature) }),
    ...(isContainerAnswered && { pkcs7: encodeBase64(encode(signature, timestampToken)) }),
    ...describeLevel(made, signerCertificate),
  }
}

/**
 * Refuses containers that exceed the signer's limit.
 *
 * @param length bytes of the container
 * @param attributes the part of the container that its caller has made
 * @throws PAYLOAD_TOO_LARGE if there were room without the attributes; else CONTAINER_TOO_LARGE
 */
function checkRoom(length: number, attributes: Buffer, signer: SignHashRequest['signer']): void {
  const { sizeLimit } = signer.container
  const room = sizeLimit - (length - attributes.length)
  if (room > 0 && attributes.length > room) {
    throw new PAYLOAD_TOO_LARGE(
      `dataToBeSigned: has ${attributes.length} bytes, and a container of this signer has room for ${room}`,
    )
  }
  checkSize(length, { signer })
}
