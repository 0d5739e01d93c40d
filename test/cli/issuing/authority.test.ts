import { readFileSync } from 'node:fs'
import t from 'tap'
import { hasKey, parseAuthority } from '../../../src/cli/issuing/authority.ts'
import { keyIdentifier } from '../../../src/cli/issuing/extensions.ts'
import { issue, RSA_2048 } from '../../support/certificates.ts'

const directory = t.testdir()
const BASIC = 'basicConstraints = critical, CA:TRUE'

t.test(
  'its key is identified as in its own certificate or, where that does not say, by its own digest',
  (t) => {
    const named = issue(directory, {
      subject: '/CN=Named',
      extensions: [BASIC, 'subjectKeyIdentifier = 0102030405'],
    })
    const authority = parseAuthority(readFileSync(named.certificateFile))
    t.equal(Buffer.from(authority.keyIdentifier).toString('hex'), '0102030405')
    t.ok(hasKey(authority, named.certificate.publicKey))
    const silent = issue(directory, {
      subject: '/CN=Silent',
      extensions: [BASIC, 'subjectKeyIdentifier = none'],
    })
    const { publicKey } = silent.certificate
    const computed = keyIdentifier(publicKey.export({ type: 'spki', format: 'der' }))
    t.same(Buffer.from(parseAuthority(readFileSync(silent.certificateFile)).keyIdentifier), computed)
    t.notOk(hasKey(authority, publicKey))
    t.end()
  },
)

t.test('keys that do not sign certificates here', (t) => {
  for (const key of [
    ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'],
    ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
  ]) {
    const { certificateFile } = issue(directory, { subject: '/CN=CA', ca: true, key })
    t.throws(() => parseAuthority(readFileSync(certificateFile)), {
      message: 'its key is of a kind that does not sign certificates here',
    })
  }
  t.end()
})

t.test('its issuers may follow', (t) => {
  const root = issue(directory, { subject: '/CN=Root', ca: true, key: RSA_2048 })
  const sub = issue(directory, { subject: '/CN=Sub', ca: true, issuer: root })
  const bundle = Buffer.concat([sub, root].map(({ certificateFile }) => readFileSync(certificateFile)))
  const { name, certificates, notAfter } = parseAuthority(bundle)
  t.equal(name.typesAndValues[0]?.value.valueBlock.value, 'Sub')
  t.equal(certificates.length, 2)
  t.same(notAfter, new Date(sub.certificate.validTo))
  t.end()
})
