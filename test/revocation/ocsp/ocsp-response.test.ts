import t from 'tap'
import { embedResponder, readOcspResponse } from '../../../src/revocation/ocsp/ocsp-response.ts'
import { type Issued, issue, openssl } from '../../support/certificates.ts'
import { ocspAbout } from '../../support/long-term-evidence.ts'
import { judgeOcsp, RevocationAuthority } from '../../support/revocation-authority.ts'
import { withTemporaryFiles } from '../../support/validators/temporary-files.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=root', ca: true })
const leaf = issue(directory, { subject: '/CN=leaf', issuer: root })
const responder = issue(directory, {
  ...{ subject: '/CN=responder', issuer: root },
  extensions: ['extendedKeyUsage = OCSPSigning', 'noCheck = ignored'],
})
const authority = new RevocationAuthority(directory, root)
authority.know(leaf.certificate)

/** Common names of the certificates in a response, as openssl prints them. */
function embeddedIn(response: Buffer): Promise<string[]> {
  return withTemporaryFiles({ response }, async (path) => {
    const text = openssl('ocsp', '-respin', path.response, '-resp_text', '-noverify')
    const [, ...certificates] = text.split(/^Certificate:$/m)
    return certificates.map((one) => /Subject: CN ?= ?(.*)/.exec(one)?.[1] ?? 'none')
  })
}

for (const [name, signer] of Object.entries({ 'the issuer itself': root, 'a responder': responder })) {
  const commonName = signer === root ? 'root' : 'responder'
  t.test(`the certificate of ${name} is embedded, whether it came with the response or not`, async (t) => {
    for (const [args, came] of [
      [['-ndays', '1'], [commonName]],
      [['-ndays', '1', '-resp_no_certs'], []],
      [['-ndays', '1', '-rother', leaf.certificateFile], undefined],
    ] as const) {
      const response = await ocspAbout(leaf, authority, { signer: signer as Issued, args })
      if (came !== undefined) {
        t.same(await embeddedIn(response), came)
      }
      const embedded = embedResponder(response, signer.certificate.raw)
      t.same(await embeddedIn(embedded), [commonName])
      t.equal(judgeOcsp(directory, embedded, { certificate: leaf, issuer: root, root }), 'good')
      const { toBeSigned, signature } = readOcspResponse(response)
      t.match(readOcspResponse(embedded), { toBeSigned, signature }, 'what is signed stays')
    }
  })
}

t.test('what is no successful response throws', async (t) => {
  const { raw } = root.certificate
  t.throws(() => embedResponder(Buffer.from('30030a0106', 'hex'), raw), /unauthorized/)
  t.throws(() => embedResponder(Buffer.from('no response'), raw))
  const response = await ocspAbout(leaf, authority)
  t.throws(() => embedResponder(response.subarray(0, -1), raw))
})
