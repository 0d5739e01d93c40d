import t from 'tap'
import { findUnfitAlgorithm } from '../../src/configuration/algorithm-fit.ts'
import { issue, RSA_2048 } from '../support/certificates.ts'

t.test('each type of key has its algorithms', async (t) => {
  const directory = t.testdir()
  const all = ['rsassa-pkcs1-v1_5', 'rsassa-pss', 'ecdsa'] as const
  for (const [key, type, fitting] of [
    [RSA_2048, 'rsa', ['rsassa-pkcs1-v1_5', 'rsassa-pss']],
    [['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'], 'rsa-pss', ['rsassa-pss']],
    [['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'ec', ['ecdsa']],
  ] as const) {
    const { certificate } = issue(directory, { subject: '/CN=Signer', key })
    for (const algorithm of all) {
      const unfit = `does not fit the certificate, whose key is of type ${type}: leave it out, or set ${fitting.join(' or ')}`
      t.equal(
        findUnfitAlgorithm(certificate.publicKey, algorithm),
        fitting.some((one) => one === algorithm) ? undefined : unfit,
        `${type}, ${algorithm}`,
      )
    }
  }
})
