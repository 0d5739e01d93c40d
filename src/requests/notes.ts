/** Notes what is asked for and what was made, for log, metrics and the record of a request. */
import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import { defined } from '../common/defined.ts'
import type { SignatureForm, SignerCertificate } from '../configuration/signer-configuration.ts'
import type { ReachedLevel } from '../signing/level.ts'

/** The signature that a request asks for. */
export interface AskedSignature {
  readonly signer: string
  /** Absent if everybody may call. */
  readonly subject: string | undefined
  readonly container: SignatureForm | 'both'
  /** Absent for bytes that are not known to be signed attributes. */
  readonly type: SignatureType | undefined
  readonly hashAlgorithm: HashAlgorithm
  /** Digest of the contents of a container, or of `data_to_be_signed`. */
  readonly digest: Buffer
}

/** Notes what is to be signed. */
export function noteAsked(
  request: Pick<FastifyRequest, 'decision' | 'signing'>,
  { signer, subject, container, type, hashAlgorithm, digest }: AskedSignature,
): void {
  request.signing = { ...{ signer, container, hash: hashAlgorithm.name }, ...defined({ subject }) }
  if (request.decision !== null) {
    Object.assign(
      request.decision,
      defined({ container, signatureType: type, digest: digest.toString('hex') }),
    )
  }
}

export interface MadeSignature {
  readonly signature: Uint8Array
  readonly signerCertificate: SignerCertificate
  readonly keyId: string | undefined
  /** Time at which the request was given to the signer, in ms of `performance.now()`. */
  readonly begun: number
}

/** Notes a signature and its key for the record of a request, if it has one. */
export function noteSignature(
  { decision }: Pick<FastifyRequest, 'decision'>,
  { signature, signerCertificate: { certificate, digests }, keyId, begun }: MadeSignature,
): void {
  if (decision !== null) {
    Object.assign(decision, {
      keyId,
      certificateSerial: certificate.serialNumber.toLowerCase(),
      certificateSha256: digests.get('sha256')?.toString('hex'),
      signatureSha256: createHash('sha256').update(signature).digest('hex'),
      signingMs: Math.round(performance.now() - begun),
    })
  }
}

/** Notes the level of a signature. */
export function noteLevel(
  request: Pick<FastifyRequest, 'logDetails' | 'container'>,
  { level, shortfall }: ReachedLevel,
): void {
  request.container = { level, ...(shortfall !== undefined && { shortfall }) }
  // The field has another name, since pino uses `level` itself
  Object.assign(request.logDetails, { containerLevel: level }, shortfall !== undefined && { shortfall })
}
