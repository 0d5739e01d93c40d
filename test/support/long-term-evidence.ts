/** What long-term containers hold beside a signature: its timestamp, and what was known of revocation at the time. */
import { readFile } from 'node:fs/promises'
import { type Authorities, CRL_EXTENSIONS } from './authorities.ts'
import { type Issued, openssl } from './certificates.ts'
import type { ResponseOptions, RevocationAuthority } from './revocation-authority.ts'
import { withTemporaryFiles } from './validators/temporary-files.ts'

/** A DER TimeStampToken over bytes. */
export function timestampOver(
  authorities: Pick<Authorities, 'timestamp'>,
  data: Uint8Array,
): Promise<Buffer> {
  return withTemporaryFiles({ data, query: '' }, async (path) => {
    openssl('ts', '-query', '-data', path.data, '-sha256', '-cert', '-out', path.query)
    const reply = await authorities.timestamp(await readFile(path.query))
    return tokenOf(reply)
  })
}

/** The DER TimeStampToken of a DER TimeStampResp. */
export function tokenOf(reply: Uint8Array): Promise<Buffer> {
  return withTemporaryFiles({ reply, token: '' }, async (path) => {
    openssl('ts', '-reply', '-in', path.reply, '-token_out', '-out', path.token)
    return readFile(path.token)
  })
}

/** DER OCSPResponse about a certificate that `issuer` has issued. */
export function ocspAbout(
  certificate: Issued,
  issuer: RevocationAuthority,
  options?: ResponseOptions,
): Promise<Buffer> {
  return withTemporaryFiles({ request: '' }, async ({ request }) => {
    const files = ['-issuer', issuer.issued.certificateFile, '-cert', certificate.certificateFile]
    openssl('ocsp', ...files, '-no_nonce', '-reqout', request)
    return issuer.respond(await readFile(request), options)
  })
}

export interface Evidence {
  readonly crls: Readonly<Record<'issuing' | 'timestamps', Buffer>>
  readonly responses: Readonly<Record<'signer' | 'timestampIssuing', Buffer>>
}

/** All that is to be known about the chains of a signer and of the timestamp authority. */
export async function evidenceAbout(authorities: Authorities, signer: Issued): Promise<Evidence> {
  const { root, issuing, responder, timestampRoot, timestampIssuing } = authorities
  return {
    crls: {
      issuing: await root.crl({ extensions: CRL_EXTENSIONS }),
      timestamps: await timestampIssuing.crl({ extensions: CRL_EXTENSIONS }),
    },
    responses: {
      signer: await ocspAbout(signer, issuing, { signer: responder }),
      timestampIssuing: await ocspAbout(timestampIssuing.issued, timestampRoot),
    },
  }
}
