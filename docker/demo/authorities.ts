import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RevocationAuthority } from '../../test/support/revocation-authority.ts'
import { startRevocationServer } from '../../test/support/revocation-server.ts'
import { createResponder } from '../../test/support/timestamp-authority.ts'
import { type DemoCertificates, PATHS } from './certificates.ts'

export interface Authorities {
  close(): Promise<void>
}

/**
 * Starts a timestamp authority, an OCSP responder and a server of the root's CRL on this machine, so that the demo
 * reaches level b-lt without the Internet. OpenSSL makes their answers.
 */
export async function startAuthorities(port: number, certificates: DemoCertificates): Promise<Authorities> {
  const { root, issuing, timestamps, leaves } = certificates
  const folder = await mkdtemp(join(tmpdir(), 'demo-authorities-'))
  const issuer = new RevocationAuthority(folder, issuing)
  for (const { certificate } of [leaves.rsa, leaves.p256, timestamps]) issuer.know(certificate)
  const top = new RevocationAuthority(folder, root)
  const respond = createResponder(folder, { signer: timestamps, chain: [issuing, root] })

  const server = await startRevocationServer(port)
  server.on(PATHS.ocsp, (request, response) => {
    // NSS, which pdfsig asks with, takes no answer without it.
    response.setHeader('content-type', 'application/ocsp-response')
    return issuer.respond(request)
  })
  server.on(PATHS.rootCrl, () => top.crl())
  server.on(PATHS.timestamps, (query, response) => {
    response.setHeader('content-type', 'application/timestamp-reply')
    return respond(query)
  })
  return {
    async close() {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
