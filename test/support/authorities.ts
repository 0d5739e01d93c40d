/** Authorities for signatures of every level: they certify signers, set timestamps, and say what was revoked. */
import { mkdirSync } from 'node:fs'
import { type Issued, type IssueOptions, issue } from './certificates.ts'
import { RevocationAuthority } from './revocation-authority.ts'
import { accessAt, crlAt } from './revocation-chain.ts'
import { type RevocationServer, startRevocationServer } from './revocation-server.ts'
import { createResponder, FOR_TIMESTAMPS, type Responder, send } from './timestamp-authority.ts'

export interface Authorities {
  /** Above the signers. */
  readonly root: RevocationAuthority
  readonly issuing: RevocationAuthority
  /** Answers OCSP requests about what `issuing` has issued. */
  readonly responder: Issued
  /** Above the timestamp authority. */
  readonly timestampRoot: RevocationAuthority
  readonly timestampIssuing: RevocationAuthority
  readonly timestamps: Issued
  /** Makes a DER TimeStampResp of a DER TimeStampReq. */
  readonly timestamp: Responder
  /** Serves the certificates of issuers, CRLs, OCSP answers and timestamps at the addresses that the certificates name, and at `timestampUrl`. */
  readonly server: RevocationServer
  readonly timestampUrl: string
  /** Issues a signer's certificate, which names the OCSP responder and where its issuer's certificate is. */
  certify(options: Omit<IssueOptions, 'issuer'>): Issued
}

const FOR_OCSP = [
  'basicConstraints = critical, CA:FALSE',
  'keyUsage = critical, digitalSignature',
  'extendedKeyUsage = OCSPSigning',
  'subjectKeyIdentifier = hash',
  'authorityKeyIdentifier = keyid',
]
/** id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1): nobody need ask about the responder itself. */
export const NO_CHECK = 'noCheck = yes'

/** A certificate for answers in the name of `issuer`. */
export function issueResponder(directory: string, issuer: Issued, extension = NO_CHECK): Issued {
  const subject = '/O=Test/CN=OCSP responder'
  return issue(directory, { subject, issuer, extensions: [...FOR_OCSP, extension] })
}

/** RFC 5280 5.2.1: every CRL has it. */
export const CRL_EXTENSIONS = ['authorityKeyIdentifier = keyid']

export interface AuthoritiesOptions {
  /** The way in which the root tells whether the issuing authority was revoked; a CRL by default. */
  readonly issuingBy?: 'crl' | 'ocsp'
}

/** Serves until its server is closed. CRLs are about the authorities, and about the timestamp authority. */
export async function startAuthorities(
  directory: string,
  { issuingBy = 'crl' }: AuthoritiesOptions = {},
): Promise<Authorities> {
  mkdirSync(directory, { recursive: true })
  const server = await startRevocationServer()
  const at = (path: string) => `${server.url}${path}`
  const authority = (name: string, options: Partial<IssueOptions> = {}) =>
    new RevocationAuthority(
      directory,
      issue(directory, { subject: `/O=Test/CN=${name}`, ca: true, ...options }),
    )
  const root = authority('Root')
  const issuing = authority('Issuing CA', {
    issuer: root.issued,
    extension:
      issuingBy === 'ocsp'
        ? accessAt({ ocsp: [at('/root')], issuers: [at('/root.cer')] })
        : [crlAt(at('/root.crl')), accessAt({ issuers: [at('/root.cer')] })].join('\n'),
  })
  const issuers = [at('/issuing.cer')]
  const responder = issueResponder(directory, issuing.issued, `${NO_CHECK}\n${accessAt({ issuers })}`)
  const timestampRoot = authority('Timestamp root')
  const timestampIssuing = authority('Timestamp CA', {
    issuer: timestampRoot.issued,
    extension: accessAt({ ocsp: [at('/timestamp-root')], issuers: [at('/timestamp-root.cer')] }),
  })
  const timestamps = issue(directory, {
    subject: '/O=Test/CN=Timestamps',
    issuer: timestampIssuing.issued,
    extensions: [
      ...FOR_TIMESTAMPS,
      crlAt(at('/timestamp-issuing.crl')),
      accessAt({ issuers: [at('/timestamp-issuing.cer')] }),
    ],
  })
  root.know(issuing.issued.certificate)
  timestampRoot.know(timestampIssuing.issued.certificate)
  timestampIssuing.know(timestamps.certificate)
  const timestamp = createResponder(directory, { signer: timestamps, chain: [timestampIssuing.issued] })

  for (const [path, { issued }] of Object.entries({
    '/root.cer': root,
    '/issuing.cer': issuing,
    '/timestamp-root.cer': timestampRoot,
    '/timestamp-issuing.cer': timestampIssuing,
  })) {
    server.on(path, () => issued.certificate.raw)
  }
  server.on('/root.crl', () => root.crl({ extensions: CRL_EXTENSIONS }))
  server.on('/timestamp-issuing.crl', () => timestampIssuing.crl({ extensions: CRL_EXTENSIONS }))
  const ocsp = (path: string, respond: (request: Buffer) => Promise<Buffer>) =>
    server.on(path, (request, response) => {
      // NSS wants it (RFC 6960 A.2)
      response.setHeader('content-type', 'application/ocsp-response')
      return respond(request)
    })
  ocsp('/root', (request) => root.respond(request))
  ocsp('/issuing', (request) => issuing.respond(request, { signer: responder }))
  ocsp('/timestamp-root', (request) => timestampRoot.respond(request))
  server.on('/timestamp', async (query, response) => {
    send(response, await timestamp(query))
    return undefined
  })
  return {
    ...{ root, issuing, responder, timestampRoot, timestampIssuing, timestamps, timestamp, server },
    timestampUrl: at('/timestamp'),
    certify(options) {
      const signer = issue(directory, {
        ...{ issuer: issuing.issued, extension: accessAt({ ocsp: [at('/issuing')], issuers }) },
        ...options,
      })
      issuing.know(signer.certificate)
      return signer
    },
  }
}
