import type { FastifyRequest } from 'fastify'
import type { SignatureForm } from '../configuration/signer-configuration.ts'
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
 * @throws the errors of `signAtLevel`
 */
export async function signHash(
  request: Pick<FastifyRequest, 'decision' | 'logDetails' | 'container'>,
  { signer, level, hashAlgorithm, attributes, digest }: SignHashRequest,
  { forms, options }: SignHashContext,
) {
  const begun = performance.now()
  const signerCertificate = signer.validCertificate()
  const { algorithm, publicKey, template } = signerCertificate
  const encode = (signature: Uint8Array, timestamp?: Buffer) => {
    const container = template.signedData({
      ...{ hashAlgorithm, signedAttributes: attributes, signature },
      ...(timestamp && { timestamp }),
    })
    checkSize(container, { signer })
    return container
  }
  const isContainerAnswered = forms.includes('pkcs7')
  if (isContainerAnswered) {
    // Checked before signing, so that the HSM makes no signature for a container that is refused
    encode(Buffer.alloc(algorithm.maxLength(publicKey)))
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
