import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { CertificatesBody, SignHashBody } from '../../schemas/web-sdk.ts'
import type { Access } from '../access/access.ts'
import { chooseSigner } from '../access/choose-signer.ts'
import { checkGrant, type Grant } from '../access/grant.ts'
import { readSigningToken } from '../access/signing-token.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import type { Configuration } from '../configuration/configuration.ts'
import type { SignatureForm } from '../configuration/signer-configuration.ts'
import { PAYLOAD_TOO_LARGE } from '../errors.ts'
import { describeCertificates } from '../requests/answers.ts'
import { authenticate } from '../requests/authenticate.ts'
import { beginWork, createSignOptions, intake } from '../requests/intake.ts'
import { KnownNames } from '../requests/misspelled-name.ts'
import { noteAsked } from '../requests/notes.ts'
import type { Signer } from '../signers/signer.ts'
import type { Signers } from '../signers/signers.ts'
import { checkAllowed } from '../signing/check-allowed.ts'
import { prepareSignHash, type SignHashRequest } from './prepare.ts'
import { signHash } from './sign-hash.ts'
import { inWordsOfPages } from './words-of-pages.ts'

export interface WebSdkOptions {
  readonly configuration: Configuration
  readonly access: Pick<Access, 'authenticate'>
  /** Absent if nothing is recorded. */
  readonly auditLog: Pick<AuditLog, 'check'> | undefined
  readonly signers: Pick<Signers, 'has' | 'choices' | 'choose' | 'chooseFor'>
}

const NAMES = new KnownNames(Object.keys(SignHashBody.properties))
const FORMS: readonly SignatureForm[] = ['pkcs7', 'raw']

/** Serves the addresses at which a page of the Web SDK signs by a back end, without code of its own between the two. */
export const webSdk: FastifyPluginAsyncTypebox<WebSdkOptions> = async (
  app,
  { configuration, access, auditLog, signers },
) => {
  const { accessFrom, signMethods, hsm } = configuration
  app.setErrorHandler((error: Error) => {
    throw inWordsOfPages(error)
  })
  await app.register(intake, {
    accessFrom,
    names: NAMES.names,
    chooseAlgorithms: refuseLongStrings,
    documents: [],
  })

  app.post(
    '/api/get_certificates',
    { schema: { body: CertificatesBody }, config: { audited: true, operation: 'web sdk certificates' } },
    async (request, reply) => {
      beginWork(request, reply)
      request.logDetails.kind = 'certificates'
      const { signer, grant } = await identify(request, request.body)
      checkGrant(grant, { signer: signer.name })
      return reply.send({ data: describeCertificates(signer.certificate()) })
    },
  )

  app.post(
    '/api/sign_hash',
    { schema: { body: SignHashBody }, config: { audited: true, operation: 'sign hash' } },
    async (request, reply) => {
      const client = beginWork(request, reply)
      request.logDetails.kind = 'sign-hash'
      const { signer: chosen, grant } = await identify(request, request.body)
      const prepared = prepareSignHash(request.body, chosen, signers)
      request.body = {}
      request.releaseBody()
      const forms = findForms(prepared, grant)
      note(request, prepared, { forms, subject: grant.subject })
      auditLog?.check()
      await request.limitRate(reply)
      const { timeoutMs } = hsm
      const options = createSignOptions(request, { client, timeoutMs, grant, signer: prepared.signer })
      return reply.send({ data: await signHash(request, prepared, { forms, options }) })
    },
  )

  /** Finds out who calls, by the Bearer header alone, and which signer is asked for. */
  async function identify(
    request: FastifyRequest,
    body: CertificatesBody,
  ): Promise<{ readonly signer: Signer; readonly grant: Grant }> {
    const query = request.query as Record<string, unknown>
    NAMES.refuseMisspelled(body)
    NAMES.refuseInQuery(query)
    const token = body.signingToken
    const signingToken = readSigningToken(token, signMethods)
    const grant = await authenticate(request, {}, access)
    const { logDetails, headers } = request
    const { authorization } = headers
    const signer = chooseSigner(
      { token, signingToken, authorization, grant, path: undefined, fields: body, query, logDetails },
      signers,
    )
    return { signer, grant }
  }
}

/** Refuses a string that is too long for any field. */
function refuseLongStrings(): never {
  throw new PAYLOAD_TOO_LARGE('A field has more bytes than any request of the Web SDK needs')
}

/**
 * Returns the forms in which the signature is answered, of which the SDK takes the one that its page wants.
 *
 * @throws NOT_ALLOWED_FOR_SIGNER, NOT_ALLOWED if there is none
 */
function findForms({ signer, type, ...prepared }: SignHashRequest, grant: Grant): SignatureForm[] {
  const refusals: unknown[] = []
  const forms = FORMS.filter((container) => {
    try {
      checkAllowed(signer, container, type)
      const { hashAlgorithm, contentsDigest: digest } = prepared
      const signature = { container, hashAlgorithm: hashAlgorithm.name, digest }
      checkGrant(grant, { signer: signer.name, signature })
      return true
    } catch (error) {
      refusals.push(error)
      return false
    }
  })
  if (forms.length === 0) {
    throw refusals[0]
  }
  return forms
}

interface Noted {
  readonly forms: readonly SignatureForm[]
  readonly subject: string | undefined
}

function note(
  request: FastifyRequest,
  { signer, type, hashAlgorithm, contentsDigest }: SignHashRequest,
  { forms, subject }: Noted,
): void {
  const [first, second] = forms
  request.logDetails.hashAlgorithm = hashAlgorithm.name
  noteAsked(request, {
    ...{ signer: signer.name, subject, type, hashAlgorithm },
    container: second === undefined ? (first as SignatureForm) : 'both',
    digest: contentsDigest,
  })
}
