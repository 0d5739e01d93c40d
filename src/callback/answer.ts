/** Makes the signature that was asked for, and answers with its octets, or with JSON for clients that take nothing else. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { describeCertificates, describeLevel, encodeBase64 } from '../requests/answers.ts'
import { noteLevel, noteSignature } from '../requests/notes.ts'
import type { Signer } from '../signers/signer.ts'
import { type Container, createContainer } from '../signing/create-container.ts'
import type { SigningContext } from '../signing/level.ts'
import { signAtLevel } from '../signing/sign-at-level.ts'
import type { SigningRequest } from './prepare.ts'

interface AnswerContext extends SigningContext {
  readonly signer: Signer
}

/**
 * Answers with the raw signature, or with the container as DER.
 *
 * @throws the errors of `Signer.sign` and `createContainer`
 */
export async function answerInOctets(
  request: FastifyRequest,
  reply: FastifyReply,
  prepared: SigningRequest,
  context: AnswerContext,
): Promise<FastifyReply> {
  const octets =
    prepared.kind === 'raw'
      ? await makeRawSignature(request, prepared, context)
      : (await makeContainer(request, prepared, context)).der
  return prepared.kind === 'encoded-contents'
    ? reply.send({ p7: encodeBase64(octets) })
    : reply.type('application/octet-stream').send(octets)
}

/** Returns the signature over the bytes of the request. */
async function makeRawSignature(
  request: Pick<FastifyRequest, 'decision'>,
  prepared: SigningRequest,
  { signer, options }: AnswerContext,
): Promise<Uint8Array> {
  const begun = performance.now()
  const signerCertificate = signer.validCertificate()
  const signature = await signer.sign(signerCertificate, prepared.hashAlgorithm, prepared, options)
  noteSignature(request, { signature, signerCertificate, keyId: signer.keyId, begun })
  return signature
}

async function makeContainer(
  request: FastifyRequest,
  { type, hashAlgorithm, digest }: SigningRequest,
  context: AnswerContext,
): Promise<Container> {
  const begun = performance.now()
  const container = await createContainer({ type, hashAlgorithm, messageDigest: digest }, context)
  noteSignature(request, { ...container, keyId: context.signer.keyId, begun })
  noteLevel(request, container)
  return container
}

/**
 * Answers with JSON that has, beside the signature or the container, the certificates and what takes the document to the
 * level of the signer.
 *
 * @throws the errors of `signAtLevel` and `createContainer`
 */
export async function answerInJson(
  request: FastifyRequest,
  reply: FastifyReply,
  prepared: SigningRequest,
  context: AnswerContext,
): Promise<FastifyReply> {
  if (prepared.kind !== 'raw') {
    const container = await makeContainer(request, prepared, context)
    const { der, signerCertificate, timestamp, ...rest } = container
    return reply.send({
      pkcs7: encodeBase64(der),
      ...describeCertificates(signerCertificate),
      ...describeLevel({ ...rest, timestampToken: timestamp?.token }, signerCertificate),
    })
  }
  const begun = performance.now()
  const { signer } = context
  const { hashAlgorithm } = prepared
  const signerCertificate = signer.validCertificate()
  const { level } = signer.container
  const made = await signAtLevel({ signerCertificate, hashAlgorithm, signed: prepared, level }, context)
  noteSignature(request, { ...made, signerCertificate, keyId: signer.keyId, begun })
  noteLevel(request, made)
  return reply.send({
    signedData: encodeBase64(made.signature),
    ...describeCertificates(signerCertificate),
    ...describeLevel(made, signerCertificate),
  })
}
