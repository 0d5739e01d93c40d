import { createHash } from 'node:crypto'
import t from 'tap'
import { HASH_ALGORITHMS } from '../../src/algorithms/hash-algorithms.ts'
import { VARIABLE_SETTINGS } from '../../src/configuration/read-signer.ts'
import { certificateFromFiles } from '../../src/configuration/signer-certificate.ts'
import { isNamedBy } from '../../src/signers/signer.ts'
import { issue } from '../support/certificates.ts'
import { DEFAULT_CONTAINER } from '../support/container-configuration.ts'

const { certificate } = issue(t.testdir(), { subject: '/CN=Signer' })
const named = HASH_ALGORITHMS.map((hashAlgorithm) => ({
  hashAlgorithm,
  digest: createHash(hashAlgorithm.nodeName).update(certificate.raw).digest(),
}))

t.test('a certificate is named by its digest with any hash algorithm', async (t) => {
  const configured = { certificates: [certificate], caCertificates: [], settings: VARIABLE_SETTINGS }
  const signerCertificate = certificateFromFiles({ ...configured, container: DEFAULT_CONTAINER })
  const key = { knownCertificate: () => signerCertificate }
  for (const one of named) {
    t.equal(isNamedBy([one], key), true)
    t.equal(isNamedBy([{ ...one, digest: one.digest.subarray(1) }], key), false)
  }
  t.equal(isNamedBy(named, key), true)
  const [first, second] = named as [(typeof named)[0], (typeof named)[0]]
  t.equal(isNamedBy([first, { ...second, digest: first.digest }], key), false, 'all have to be its own')
})

t.test('a certificate on a token that was not reached yet is named by nothing', async (t) => {
  t.equal(isNamedBy(named, { knownCertificate: () => undefined }), false)
})
