/** Certificates that are never revoked, of which nobody need be asked: what EU DSS says of containers with them. */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { issue } from '../support/certificates.ts'
import { createCertifiedToken } from '../support/certified-token.ts'
import { startReadyService } from '../support/service.ts'
import { tokenFor } from '../support/signers.ts'
import { startDss, WITHOUT_DSS } from '../support/validators/dss.ts'

const EXTENSIONS = [
  'basicConstraints = critical, CA:FALSE',
  'keyUsage = critical, digitalSignature, nonRepudiation',
  'subjectKeyIdentifier = hash',
  'authorityKeyIdentifier = keyid',
]
const DAY_MS = 86_400_000

t.test('certificates that are never revoked', { skip: WITHOUT_DSS }, async (t) => {
  const directory = t.testdir()
  const { authorities, keyFile, entry, timestamps, token } = await createCertifiedToken(t, directory)
  const issuer = authorities.issuing.issued
  const certify = (subject: string, ...extensions: string[]) =>
    issue(directory, {
      ...{ subject, issuer, keyFile, extensions: [...EXTENSIONS, ...extensions] },
      notAfter: new Date(Date.now() + 5 * DAY_MS),
    })
  const certificates = {
    noRevAvail: certify('/CN=RFC 9608', '2.5.29.56 = DER:0500'),
    'short-term': certify('/CN=EN 319 412-1', '0.4.0.194121.2.1 = DER:0500'),
    neither: certify('/CN=Neither'),
  }
  const signers = Object.fromEntries(
    Object.entries(certificates).map(([name, { certificateFile }]) => [
      name,
      {
        ...{ ...entry, certificateFile, timestamps, level: 'b-lt' },
        // The one without an extension gets a container of a lower level
        revocationFallback: name === 'neither' ? 'b-t' : 'refuse',
      },
    ]),
  )
  const file = join(directory, 'signers.json')
  writeFileSync(file, JSON.stringify({ default: 'neither', signers }))
  const service = await startReadyService(t, { ...token.environment, SIGNERS_FILE: file, HSM_SESSIONS: '1' })
  const dss = await startDss(t)
  const content = randomBytes(100)

  async function judge(signer: string) {
    const { statusCode, body } = await service.sign({
      ...{ action: 'sign_pkcs7', encoded_contents: content.toString('base64'), hash_algorithm: 'sha256' },
      ...{ signature_type: 'cades', signing_token: tokenFor(signer) },
    })
    t.equal(statusCode, 200)
    const demands = {
      anchors: authorities.root.issued.certificateFile,
      timestampAnchors: authorities.timestampRoot.issued.certificateFile,
      // It finds what is said about the issuers in PDFs alone
      online: true,
    }
    const [signature] = await dss.judge({ cms: body, content }, demands)
    t.ok(signature)
    return signature?.complaints.join('; ')
  }
  for (const name of ['noRevAvail', 'short-term']) {
    t.notMatch(await judge(name), /revocation/i, name)
  }
  t.match(await judge('neither'), /No revocation data found for the certificate/)
  t.notMatch(service.log(), /CN=(RFC 9608|EN 319 412-1) has neither an OCSP address/)
  t.match(service.log(), /CN=Neither has neither an OCSP address/)
})
