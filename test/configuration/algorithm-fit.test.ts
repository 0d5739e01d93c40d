import t from 'tap'
import { VARIABLE_SETTINGS as settings } from '../../src/configuration/read-signer.ts'
import { certificateFromToken } from '../../src/configuration/signer-certificate.ts'
import { issue, RSA_2048 } from '../support/certificates.ts'
import { DEFAULT_CONTAINER } from '../support/container-configuration.ts'

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
      const configuration = { caCertificates: [], settings, algorithm, container: DEFAULT_CONTAINER }
      const build = () => certificateFromToken(certificate.raw, configuration)
      if (fitting.some((one) => one === algorithm)) {
        t.equal(build().algorithm.name, algorithm)
      } else {
        const wrong = `${algorithm} does not fit the certificate, whose key is of type ${type}: leave it out, or set ${fitting.join(' or ')}`
        t.throws(build, { message: `signatureAlgorithm: ${wrong}` })
      }
    }
  }
})
