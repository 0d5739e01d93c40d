import type { X509Certificate } from 'node:crypto'
import t from 'tap'
import { traceSigner } from '../../../src/x509/review/trace-signer.ts'
import { type Issued, issue, openssl, writeBundle } from '../../support/certificates.ts'

const DAY_MS = 86_400_000
const SOON = new Date(Date.now() + 20 * DAY_MS)

const directory = t.testdir()
const root = issue(directory, { subject: '/O=Test/CN=Root', ca: true })
const issuing = issue(directory, { subject: '/O=Test/CN=Issuing CA', ca: true, issuer: root })
const signer = issue(directory, { subject: '/O=Test/CN=Signer', issuer: issuing })
const { keyFile } = issuing
const renewed = issue(directory, { subject: '/O=Test/CN=Issuing CA', ca: true, issuer: root, keyFile })
const shorter = issue(directory, {
  ...{ subject: '/O=Test/CN=Issuing CA', ca: true, issuer: root, keyFile, notAfter: SOON },
})
const otherRoot = issue(directory, { subject: '/O=Other/CN=Root', ca: true })
const other = issue(directory, { subject: '/O=Other/CN=CA', ca: true, issuer: otherRoot })
const crossed = issue(directory, { subject: '/O=Test/CN=Issuing CA', ca: true, issuer: other, keyFile })

function trace(embedded: readonly Issued[], trusted: readonly Issued[]) {
  const [certificates, anchors] = [embedded, trusted].map((some) =>
    some.map(({ certificate }) => certificate),
  )
  return traceSigner(signer.certificate, certificates ?? [], anchors ?? [], new Date())
}

/** Whether OpenSSL, told that trusted certificates need not be roots, finds a path to one of them. */
function opensslTraces(embedded: readonly Issued[], trusted: readonly Issued[]): boolean {
  const [untrusted, anchors] = [embedded, trusted].map((some, index) =>
    writeBundle(
      `${directory}/${index}.pem`,
      some.map(({ certificate }) => certificate),
    ),
  ) as [string, string]
  const files = ['-trusted', anchors, ...(embedded.length > 0 ? ['-untrusted', untrusted] : [])]
  try {
    openssl('verify', '-partial_chain', ...files, signer.certificateFile)
    return true
  } catch {
    return false
  }
}

t.test('a signer is traced to a certificate that is trusted, whatever else came with it', async (t) => {
  for (const trusted of [[issuing], [renewed], [shorter], [root], [signer], [shorter, otherRoot]]) {
    for (const embedded of [
      [],
      [issuing],
      [issuing, root],
      [crossed, other],
      [crossed, other, issuing, root, otherRoot],
    ]) {
      const traces = opensslTraces(embedded, trusted)
      const path = trace(embedded, trusted)
      const name = `${trusted.map(({ certificate }) => certificate.subject)} with ${embedded.length}`
      // OpenSSL follows only the first of several ways
      t.ok(typeof path !== 'string' || !traces, name)
      t.ok(
        typeof path === 'string' ||
          trusted.some(({ certificate }) => path.at(-1)?.raw.equals(certificate.raw)),
        'the path ends there',
      )
    }
  }
})

t.test('a signer that none of the trusted certificates certified is not', async (t) => {
  t.notOk(opensslTraces([issuing, root], [other]))
  t.match(trace([issuing, root], [other]), /^its certificate is none of those that were given/)
})

t.test('the way leads around an issuer that validators refuse', async (t) => {
  const weak = issue(directory, {
    ...{ subject: '/O=Test/CN=Issuing CA', ca: true, issuer: root, keyFile, hash: 'sha1' },
  })
  t.ok(opensslTraces([issuing], [root]))
  const path = trace([weak, issuing], [root]) as readonly X509Certificate[]
  t.same(
    path.map(({ raw }) => raw),
    [signer, issuing, root].map(({ certificate }) => certificate.raw),
  )
  t.match(trace([weak], [root]), /SHA-1/)
})
