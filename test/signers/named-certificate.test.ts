import { createHash } from 'node:crypto'
import t from 'tap'
import { SETTINGS } from '../../src/configuration/single-signer.ts'
import { mentions } from '../../src/signers/mentioned-certificate.ts'
import { signerFromFiles } from '../../src/signers/signer.ts'
import { issue } from '../support/certificates.ts'
import { DEFAULT_CONTAINER } from '../support/container-configuration.ts'

const { certificate } = issue(t.testdir(), { subject: '/CN=Signer' })

t.test('a certificate is mentioned by its digest, wherever that stands', async (t) => {
  const configured = { certificates: [certificate], caCertificates: [], settings: SETTINGS }
  const signer = signerFromFiles({ ...configured, container: DEFAULT_CONTAINER })
  const key = { knownSigner: () => signer }
  const digest = createHash('sha256').update(certificate.raw).digest()
  t.equal(mentions(digest, key), true)
  t.equal(mentions(Buffer.concat([Buffer.alloc(7), digest, Buffer.alloc(9)]).subarray(3), key), true)
  t.equal(mentions(digest.subarray(1), key), false)
  t.equal(mentions(Buffer.alloc(0), key), false)
})

t.test('one that is on a token that was not reached yet is mentioned by nothing', async (t) => {
  const digest = createHash('sha256').update(certificate.raw).digest()
  t.equal(mentions(digest, { knownSigner: () => undefined }), false)
})
