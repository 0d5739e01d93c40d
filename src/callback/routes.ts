import fastifyAccepts from '@fastify/accepts'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { CallbackBody } from '../../schemas/callback.ts'
import type { Access } from '../access/access.ts'
import { chooseSigner, describeAskedSigner } from '../access/choose-signer.ts'
import { checkGrant, type Grant } from '../access/grant.ts'
import { readSigningToken, type SigningToken } from '../access/signing-token.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import type { Configuration } from '../configuration/configuration.ts'
import { describeCertificates } from '../requests/answers.ts'
import { authenticate, findSigners } from '../requests/authenticate.ts'
import { beginWork, createSignOptions, intake } from '../requests/intake.ts'
import { KnownNames } from '../requests/misspelled-name.ts'
import { noteAsked } from '../requests/notes.ts'
import type { Signers } from '../signers/signers.ts'
import { answerInJson, answerInOctets } from './answer.ts'
import { createAlgorithmChooser, DOCUMENT_FIELDS } from './content-algorithms.ts'
import { prepare } from './prepare.ts'
import { classify } from './request.ts'

export interface CallbackOptions {
  readonly configuration: Configuration
  readonly access: Pick<Access, 'authenticate'>
  /** Absent if nothing is recorded. */
  readonly auditLog: Pick<AuditLog, 'check'> | undefined
  readonly signers: Pick<Signers, 'all' | 'has' | 'choices' | 'choose' | 'chooseFor'>
}

const OCTETS = 'application/octet-stream'

const NAMES = new KnownNames(Object.keys(CallbackBody.properties))

/** Serves Document Engine's callback on each configured path, and on those that end in the name of a signer. */
export const callback: FastifyPluginAsyncTypebox<CallbackOptions> = async (
  app,
  { configuration, access, auditLog, signers },
) => {
  app.addHook('onRequest', (request, _reply, done) => {
    const { signer } = request.params as { signer?: string }
    if (signer !== undefined) {
      // The name is logged before the body is read, which may be refused
      Object.assign(request.logDetails, describeAskedSigner(signer, signers))
    }
    done()
  })
  const { names } = NAMES
  const chooseAlgorithms = createAlgorithmChooser(signers)
  await app.register(fastifyAccepts)
  await app.register(intake, {
    accessFrom: configuration.accessFrom,
    names,
    chooseAlgorithms,
    documents: DOCUMENT_FIELDS,
  })
  const { paths, signerPaths } = configuration
  for (const url of [...paths, ...signerPaths.map((path) => `${path}/:signer`)]) {
    const config = { audited: true, operation: url.endsWith('/:signer') ? 'sign as' : 'sign' } as const
    app.post(url, { schema: { body: CallbackBody }, config }, async (request, reply) => {
      const client = beginWork(request, reply)
      NAMES.refuseMisspelled(request.body)
      NAMES.refuseInQuery(request.query as Record<string, unknown>)
      const signingToken = readSigningToken(request.body.signing_token, configuration.signMethods)
      // Pages load certificates without a token, unless the configuration says otherwise
      const isOpen = request.body.action === 'get_certificates' && !configuration.protectCertificates
      const grant: Grant = isOpen ? {} : await authenticate(request, signingToken, access)
      // Where there is one signer, its certificates need no keys that verify tokens, which may be away
      const isChosen = isOpen && signers.choices().length > 0
      const chooses = isChosen ? await findSigners(request, signingToken, access) : grant
      const prepared = readBody(request, { signingToken, grant, chooses, configuration, signers })
      const { signer } = prepared
      if (prepared.kind === 'certificates') {
        return reply.send(describeCertificates(signer.certificate()))
      }
      auditLog?.check()
      await request.limitRate(reply)
      const { timeoutMs } = configuration.hsm
      const options = createSignOptions(request, { client, timeoutMs, grant, signer })
      const isJsonWanted = prepared.kind !== 'encoded-contents' && acceptsOnlyJson(request)
      const answer = isJsonWanted ? answerInJson : answerInOctets
      return answer(request, reply, prepared, { signer, options })
    })
  }
}

/** Returns whether a client takes JSON, and no octets, which most clients take without saying so. */
function acceptsOnlyJson(request: FastifyRequest): boolean {
  const accepted = request.accepts()
  return accepted.type(OCTETS) === false && accepted.type(JSON_TYPES) !== false
}

/** JSON has no charset (RFC 8259 11), but some clients ask for one. */
const JSON_TYPES = ['application/json', 'application/json;charset=utf-8']

interface ReadContext extends Pick<CallbackOptions, 'configuration' | 'signers'> {
  readonly signingToken: SigningToken
  readonly grant: Grant
  /** The signers among which the token chooses, which may do so where none is required. */
  readonly chooses: Pick<Grant, 'signers' | 'subject'>
}

/**
 * Reads the body and releases its text. The signer is chosen once a request, since a reload may replace all signers
 * while the request is signed.
 */
function readBody(
  request: FastifyRequest,
  { signingToken, grant, chooses, configuration, signers }: ReadContext,
) {
  // Fastify has checked the body with the schema
  const body = request.body as CallbackBody
  const query = request.query as Record<string, unknown>
  const { logDetails } = request
  const { signer: path } = request.params as { signer?: string }
  const token = body.signing_token
  const { authorization } = request.headers
  const asking = { token, signingToken, authorization, grant: chooses, path, fields: body, query, logDetails }
  const signer = chooseSigner(asking, signers)
  const asked = classify(body, request.longContents)
  logDetails.kind = asked.kind
  const { digestMismatch } = configuration
  const prepared = prepare(body, asked, { digestMismatch, signers, signer, logDetails })
  if (prepared.kind === 'certificates') {
    checkGrant(grant, { signer: signer.name })
  } else {
    const container = prepared.kind === 'raw' ? 'raw' : 'pkcs7'
    const { digest, hashAlgorithm, type } = prepared
    noteAsked(request, {
      ...{ signer: signer.name, subject: grant.subject, container, hashAlgorithm, digest },
      type: container === 'raw' ? undefined : type,
    })
    const signature = { container, hashAlgorithm: hashAlgorithm.name, digest } as const
    checkGrant(grant, { signer: prepared.signer.name, signature })
  }
  request.body = undefined
  request.releaseBody()
  return prepared
}
