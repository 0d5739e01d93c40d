import t from 'tap'
import { describeUnsupportedKey } from '../../src/signers/key-type.ts'
import { issue, withUnknownKey } from '../support/certificates.ts'

const directory = t.testdir()

function rsa(bits: number): string[] {
  return ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`]
}

t.test('RSA of 2048 to 4096 bits can sign', async (t) => {
  for (const bits of [2048, 3072, 4096]) {
    const { certificate } = issue(directory, { subject: '/CN=Signer', key: rsa(bits) })
    t.equal(describeUnsupportedKey(certificate), undefined, `${bits} bits`)
  }
})

t.test('other keys cannot, and are called by their type', async (t) => {
  for (const [key, found] of [
    [rsa(1024), 'RSA with 1024 bits'],
    [rsa(2047), 'RSA with 2047 bits'],
    [['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'], 'a key of type rsa-pss'],
    [['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'a key of type ec'],
  ] as const) {
    const { certificate } = issue(directory, { subject: '/CN=Signer', key })
    t.equal(
      describeUnsupportedKey(certificate),
      `the signer certificate must have an RSA key of 2048 to 4096 bits; this one has ${found}`,
    )
  }
})

t.test('a key of a type that OpenSSL does not know', async (t) => {
  const unknown = withUnknownKey(issue(directory, { subject: '/CN=Signer' }).certificate)
  t.match(describeUnsupportedKey(unknown), /this one has a key of an unknown type$/)
})
