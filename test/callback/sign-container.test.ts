import type { X509Certificate } from 'node:crypto'
import t from 'tap'
import { signContainer } from '../../src/callback/sign-container.ts'
import { SETTINGS } from '../../src/configuration/single-signer.ts'
import { HASH_ALGORITHMS } from '../../src/signature/hash-algorithms.ts'
import { type Signer, signerFromFiles } from '../../src/signers/signer.ts'
import { issue } from '../support/certificates.ts'

const directory = t.testdir()
const [before, after] = ['before', 'after'].map(
  (name) => issue(directory, { subject: `/CN=${name}` }).certificate,
)

function signerOf(certificate: X509Certificate | undefined): Signer {
  const signer =
    certificate && signerFromFiles({ certificates: [certificate], caCertificates: [], settings: SETTINGS })
  if (signer === undefined) throw new Error('no certificate')
  return signer
}

t.test(
  'a certificate that is replaced while a container is made is not mixed with its successor',
  async (t) => {
    let current = signerOf(before)
    const signedFor: Signer[] = []
    const signingKey = {
      validSigner: () => {
        const signer = current
        current = signerOf(after)
        return signer
      },
      sign: async (signer: Signer) => {
        signedFor.push(signer)
        return Buffer.alloc(256)
      },
    }
    const [hashAlgorithm] = HASH_ALGORITHMS.filter(({ name }) => name === 'sha256')
    if (hashAlgorithm === undefined) throw new Error('no sha256')
    const container = await signContainer(
      { type: 'cms', hashAlgorithm, digest: Buffer.alloc(32) },
      { signingKey, options: { deadline: 0 } },
    )
    t.same(
      signedFor.map(({ certificate }) => certificate.subject),
      ['CN=before'],
    )
    t.ok(container.includes(before?.raw ?? ''), 'the certificate of the same signer is embedded')
    t.notOk(container.includes(after?.raw ?? ''))
  },
)
