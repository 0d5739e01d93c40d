import { createHash, type X509Certificate } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CallbackBody } from '../../schemas/callback.ts'
import type { Access } from '../access/access.ts'
import { chooseSigner, describeAskedSigner } from '../access/choose-signer.ts'
import { checkAddress, checkGrant, type Grant } from '../access/grant.ts'
import { describeRefusal } from '../access/jwt.ts'
import { readSigningToken, type SigningToken } from '../access/signing-token.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import { Client } from '../common/client.ts'
import { defined } from '../common/defined.ts'
import type { Configuration } from '../configuration/configuration.ts'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'
import type { Signer } from '../signers/signer.ts'
import type { Signers } from '../signers/signers.ts'
import { type ContainerContext, createContainer } from '../signing/create-container.ts'
import { jsonBody } from './body/json-body.ts'
import { EventLoopTurns } from './event-loop-turns.ts'
import { refuseMisspelledNames, refuseNamesInQuery } from './misspelled-name.ts'
import { prepare, type SigningRequest } from './prepare.ts'
import { classify } from './request.ts'

export interface CallbackOptions {
  readonly configuration: Configuration
  readonly access: Pick<Access, 'authenticate'>
  /** Absent if nothing is recorded. */
  readonly auditLog: Pick<AuditLog, 'check'> | undefined
  readonly signers: Pick<Signers, 'all' | 'has' | 'choices' | 'choose' | 'chooseFor'>
}

/** Serves Document Engine's callback on each configured path, and on those that end in the name of a signer. */
export const callback: FastifyPluginAsyncTypebox<CallbackOptions> = async (
  app,
  { configuration, access, auditLog, signers },
) => {
  // This comes first, since bodies arrive while callbacks wait for their turn
  await app.register(jsonBody, { signers })
  const turns = new EventLoopTurns()
  const callers = defined({ addresses: configuration.accessFrom })
  app.addHook('onRequest', (request, _reply, done) => {
    const { signer } = request.params as { signer?: string }
    if (signer !== undefined) {
      // The name is logged before the body is read, which may be refused
      Object.assign(request.logDetails, describeAskedSigner(signer, signers))
    }
    checkAddress(callers, request.ip)
    turns.begin(done)
  })
  const { paths, signerPaths } = configuration
  for (const url of [...paths, ...signerPaths.map((path) => `${path}/:signer`)]) {
    app.post(url, { schema: { body: CallbackBody }, config: { audited: true } }, async (request, reply) => {
      const client = new Client()
      request.client = client
      reply.raw.on('close', () => {
        // The request gives up its place in the queue when its client leaves
        if (!reply.raw.writableFinished) {
          client.leave()
        }
      })
      refuseMisspelledNames(request.body)
      refuseNamesInQuery(request.query as Record<string, unknown>)
      const signingToken = readSigningToken(request.body.signing_token, configuration.signMethods)
      const grant = await authenticate(request, signingToken)
      const prepared = readBody(request, { signingToken, grant, configuration, signers })
      const { signer } = prepared
      if (prepared.kind === 'certificates') {
        return reply.send(describeCertificates(signer.certificate()))
      }
      auditLog?.check()
      await request.limitRate(reply)
      const options = {
        deadline: request.arrivedAt + configuration.hsm.timeoutMs,
        client,
        // Signers that share a token take turns if callers are not known
        owner: grant.subject ?? signer.name,
      }
      switch (prepared.kind) {
        case 'raw':
          return sendOctets(reply, await makeRawSignature(request, prepared, { signer, options }))
        case 'container':
          return sendOctets(reply, await makeContainer(request, prepared, { signer, options }))
        case 'encoded-contents': {
          const container = await makeContainer(request, prepared, { signer, options })
          return reply.send({ p7: container.toString('base64') })
        }
      }
    })
  }

  /** Finds out who calls. Pages load certificates without a token, unless the configuration says otherwise. */
  async function authenticate(
    { body, headers, ip, logDetails }: AuthenticatedRequest,
    signingToken: SigningToken,
  ): Promise<Grant> {
    if (body.action === 'get_certificates' && !configuration.protectCertificates) {
      return {}
    }
    const { authorization } = headers
    const grant = await access.authenticate({ signingToken, authorization }).catch((error) => {
      // The caller, who may be a stranger, is not told
      Object.assign(logDetails, defined({ reason: describeRefusal(error) }))
      throw error
    })
    Object.assign(logDetails, defined({ subject: grant.subject }))
    checkAddress(grant, ip)
    return grant
  }
}

type AuthenticatedRequest = Pick<FastifyRequest, 'headers' | 'ip' | 'logDetails'> & {
  readonly body: CallbackBody
}

interface ReadContext extends Pick<CallbackOptions, 'configuration' | 'signers'> {
  readonly signingToken: SigningToken
  readonly grant: Grant
}

/**
 * Reads the body and releases its text. The signer is chosen once a request, since a reload may replace all signers
 * while the request is signed.
 */
function readBody(request: FastifyRequest, { signingToken, grant, configuration, signers }: ReadContext) {
  // Fastify has checked the body with the schema
  const body = request.body as CallbackBody
  const query = request.query as Record<string, unknown>
  const { logDetails } = request
  const { signer: path } = request.params as { signer?: string }
  const token = body.signing_token
  const granted = grant.signers?.length === 1 ? grant.signers[0] : undefined
  const asking = { token, signingToken, granted, path, fields: body, query, logDetails }
  const signer = chooseSigner(asking, signers)
  logDetails.signer = signer.name
  const asked = classify(body, request.longContents)
  logDetails.kind = asked.kind
  const { digestMismatch } = configuration
  const prepared = prepare(body, asked, { digestMismatch, signers, signer, logDetails })
  if (prepared.kind === 'certificates') {
    checkGrant(grant, { signer: signer.name })
  } else {
    const container = prepared.kind === 'raw' ? 'raw' : 'pkcs7'
    const { digest, hashAlgorithm } = prepared
    request.signing = {
      ...{ signer: signer.name, container, hash: hashAlgorithm.name },
      ...defined({ subject: grant.subject }),
    }
    noteRequest(request, container, prepared)
    const signature = { container, hashAlgorithm: hashAlgorithm.name, digest } as const
    checkGrant(grant, { signer: prepared.signer.name, signature })
  }
  request.body = undefined
  request.releaseBody()
  return prepared
}

/** Notes what is to be signed for the record of a request, if it has one. */
function noteRequest(
  { decision }: Pick<FastifyRequest, 'decision'>,
  container: 'raw' | 'pkcs7',
  { type, digest }: SigningRequest,
): void {
  if (decision !== null) {
    const signatureType = container === 'raw' ? undefined : type
    Object.assign(decision, defined({ container, signatureType, digest: digest.toString('hex') }))
  }
}

/** Returns the leaf in `certificates` and its issuers, nearest first, in `ca_certificates`, each as base64 of PEM. */
function describeCertificates({ certificate, issuers }: SignerCertificate) {
  return { certificates: [encode(certificate)], ca_certificates: issuers.map(encode) }
}

function encode(certificate: X509Certificate): string {
  return Buffer.from(certificate.toString()).toString('base64')
}

interface SigningContext extends ContainerContext {
  readonly signer: Signer
}

/** Returns the signature over the bytes of the request. */
async function makeRawSignature(
  request: Pick<FastifyRequest, 'decision'>,
  prepared: SigningRequest,
  { signer, options }: SigningContext,
): Promise<Uint8Array> {
  const begun = performance.now()
  const signerCertificate = signer.validCertificate()
  const signature = await signer.sign(signerCertificate, prepared.hashAlgorithm, prepared, options)
  noteSignature(request, { signature, signerCertificate, keyId: signer.keyId, begun })
  return signature
}

/** Returns the container as DER, and notes its level for the request's log line and the metrics. */
async function makeContainer(
  request: Pick<FastifyRequest, 'decision' | 'logDetails' | 'container'>,
  { type, hashAlgorithm, digest }: Pick<SigningRequest, 'type' | 'hashAlgorithm' | 'digest'>,
  context: SigningContext,
): Promise<Buffer> {
  const begun = performance.now()
  const container = await createContainer({ type, hashAlgorithm, messageDigest: digest }, context)
  const { der, signature, signerCertificate, ...made } = container
  noteSignature(request, { signature, signerCertificate, keyId: context.signer.keyId, begun })
  request.container = made
  // The field has another name, since pino uses `level` itself
  const { level: containerLevel, ...shortfall } = made
  Object.assign(request.logDetails, { containerLevel, ...shortfall })
  return der
}

interface MadeSignature {
  readonly signature: Uint8Array
  readonly signerCertificate: SignerCertificate
  readonly keyId: string | undefined
  /** Time at which the request was given to the signer, in ms of `performance.now()`. */
  readonly begun: number
}

/** Notes a signature and its key for the record of a request, if it has one. */
function noteSignature(
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

function sendOctets(reply: FastifyReply, octets: Uint8Array): FastifyReply {
  return reply.type('application/octet-stream').send(octets)
}
