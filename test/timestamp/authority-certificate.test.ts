import t from 'tap'
import { traceAuthority } from '../../src/timestamp/authority-certificate.ts'
import { issue, RSA_2048, spoil } from '../support/certificates.ts'
import { createIssuers, FOR_TIMESTAMPS } from '../support/timestamp-authority.ts'

const directory = t.testdir()
const { root, issuing } = createIssuers(directory)
const subject = '/CN=Timestamp authority'

t.test('the way up to the anchor', async (t) => {
  const { certificate } = issue(directory, { subject, issuer: issuing, extensions: FOR_TIMESTAMPS })
  t.strictSame(
    traceAuthority(certificate, [certificate, issuing.certificate], [root.certificate], new Date()),
    [certificate, issuing.certificate, root.certificate],
  )
  t.strictSame(traceAuthority(certificate, [issuing.certificate], [], new Date()), [
    certificate,
    issuing.certificate,
  ])
})

t.test('a certificate that only OpenSSL can read', async (t) => {
  const issuer = issue(directory, { subject: '/CN=RSA CA', ca: true, issuer: root, key: RSA_2048 })
  const { certificate } = spoil(issue(directory, { subject, issuer, extensions: FOR_TIMESTAMPS }))
  t.equal(
    traceAuthority(certificate, [], [root.certificate], new Date()),
    'the certificate of CN=Timestamp authority is not encoded as RFC 5280 says',
  )
})
