import t from 'tap'
import { checkKeyMatches, type Signer, signerFromFiles, signerFromToken } from '../../src/signers/signer.ts'
import { type Issued, issue, RSA_2048 } from '../support/certificates.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true })
const issuing = issue(directory, { subject: '/CN=Issuing CA', ca: true, issuer: root })
const leaf = issue(directory, { subject: '/CN=Signer', issuer: issuing, key: RSA_2048 })
const other = issue(directory, { subject: '/CN=Other', issuer: issuing, key: RSA_2048 })

function certificatesOf(...issued: Issued[]) {
  return issued.map(({ certificate }) => certificate)
}

/** What tells a signer: certificate, issuers, what goes into containers, whose validity counts. */
function describe(signer: Signer | undefined) {
  return {
    certificate: signer?.certificate.subject,
    issuers: signer?.issuers.map(({ subject }) => subject),
    encoded: signer?.encoded.map(({ der }) => Buffer.from(der).toString('base64')),
    validity: signer?.validity.map(({ subject }) => subject),
    complete: signer?.complete,
  }
}

const WHOLE = {
  certificate: 'CN=Signer',
  issuers: ['CN=Issuing CA', 'CN=Root'],
  encoded: certificatesOf(leaf, issuing, root).map(({ raw }) => raw.toString('base64')),
  validity: ['CN=Signer', 'CN=Issuing CA', 'CN=Root'],
  complete: true,
}

t.test('issuers may follow the leaf in its file, or be in the other one, or both', async (t) => {
  for (const [certificates, caCertificates] of [
    [[leaf], [root, issuing]],
    [[leaf, issuing, root], []],
    [[leaf, other, root], [issuing]],
    [
      [leaf, issuing],
      [leaf, issuing, root, other],
    ],
  ] as const) {
    const signer = signerFromFiles({
      ...{ certificates: certificatesOf(...certificates) },
      ...{ caCertificates: certificatesOf(...caCertificates) },
    })
    t.strictSame(describe(signer), WHOLE)
  }
})

t.test('without a file the certificate is the one on the token', async (t) => {
  const configuration = { caCertificates: certificatesOf(root, issuing) }
  t.equal(signerFromFiles(configuration), undefined)
  t.strictSame(describe(signerFromToken(leaf.certificate.raw, configuration)), WHOLE)
})

t.test('a key that the token does not show passes for the time being', async (t) => {
  const signer = signerFromFiles({ certificates: certificatesOf(leaf), caCertificates: [] }) as Signer
  t.doesNotThrow(() => checkKeyMatches(signer, undefined))
  t.throws(
    () => checkKeyMatches(signer, other.certificate.publicKey.export({ type: 'spki', format: 'der' })),
    {
      name: 'ConfigurationError',
    },
  )
})
