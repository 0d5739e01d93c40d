import t from 'tap'
import type { Signer } from '../../src/signers/signer.ts'
import { checkSigningTime } from '../../src/signing/signing-time.ts'
import { validityPeriod } from '../../src/x509/validity.ts'
import { issue } from '../support/certificates.ts'

const DAY_MS = 86_400_000
const past = (days: number) => new Date(Date.now() - days * DAY_MS)
const directory = t.testdir()

/** A signer with a certificate of this period. */
function signerOf(notBefore: Date, notAfter: Date): Pick<Signer, 'certificate'> {
  const { certificate } = issue(directory, { subject: '/CN=signer', notBefore, notAfter })
  return { certificate: () => ({ validity: [validityPeriod(certificate)] }) } as unknown as Signer
}

t.test('the time must be one at which the certificate is valid', async (t) => {
  const signer = signerOf(past(2), past(-1))
  checkSigningTime('data', undefined, signer)
  checkSigningTime('data', past(1), signer)
  t.throws(() => checkSigningTime('data', past(3), signer), { message: /^data: has the signing-time/ })
})

t.test('another error tells of a certificate that is not valid now', async (t) => {
  t.doesNotThrow(() => checkSigningTime('data', past(0), signerOf(past(2), past(1))))
})
