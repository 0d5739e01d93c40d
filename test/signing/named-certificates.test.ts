/** Certificates that signed attributes name behind that of the signer are its issuers, as far as these are known. */
import t from 'tap'
import { readSignedAttributes } from '../../src/cms/signed-attributes-reader.ts'
import type { SignerCertificate } from '../../src/configuration/signer-configuration.ts'
import { checkNamedCertificates } from '../../src/signing/named-certificates.ts'
import { basicAttributes, encodeAttributes, namingAttribute } from '../support/attributes-to-sign.ts'
import { issue } from '../support/certificates.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true })
const issuing = issue(directory, { subject: '/CN=Issuing', ca: true, issuer: root })
const leaf = issue(directory, { subject: '/CN=Signer', issuer: issuing })

function check(path: readonly (typeof root)[], named: readonly (typeof root)[]): void {
  const raw = named.map(({ certificate }) => certificate.raw)
  const attributes = readSignedAttributes(
    encodeAttributes(...basicAttributes(), namingAttribute('sha256', ...raw)),
  )
  const certificates = path.map(({ certificate }) => certificate) as unknown as SignerCertificate['path']
  const certificate = () => ({ certificate: leaf.certificate, path: certificates }) as SignerCertificate
  checkNamedCertificates('x', attributes ?? { certificates: [], others: [] }, { certificate })
}

t.test('issuers are named behind the signer, and nothing else where all of them are known', async (t) => {
  const mismatch = { code: 'SIGNER_MISMATCH', message: /^x: names a certificate behind that of the signer/ }
  t.doesNotThrow(() => check([leaf, issuing, root], [leaf, issuing, root]))
  t.doesNotThrow(
    () => check([leaf, issuing], [leaf, issuing, root]),
    'of a root that is not configured nothing is said',
  )
  const other = issue(directory, { subject: '/CN=Other' })
  t.throws(() => check([leaf, issuing, root], [leaf, other]), mismatch)
})
