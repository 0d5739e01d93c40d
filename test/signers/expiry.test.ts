import t from 'tap'
import { findExpiry } from '../../src/signers/expiry.ts'
import { findInvalidity } from '../../src/x509/validity.ts'

const notBefore = new Date('2020-01-01')
const validity = [
  { subject: 'CN=Signer', notBefore, notAfter: new Date('2026-06-30T12:00:00Z') },
  { subject: 'CN=Issuing CA', notBefore, notAfter: new Date('2026-06-29T12:00:00Z') },
  { subject: 'CN=Root', notBefore, notAfter: new Date('2036-06-29T12:00:00Z') },
]

t.test('the smallest threshold that has been reached, to the second', async (t) => {
  for (const [at, days] of [
    ['2026-05-30T12:00:00.999Z', undefined],
    ['2026-05-30T12:00:01.000Z', 30],
    ['2026-06-15T12:00:00.999Z', 30],
    ['2026-06-15T12:00:01.000Z', 14],
    ['2026-06-22T12:00:00.999Z', 14],
    ['2026-06-22T12:00:01.000Z', 7],
    ['2026-06-29T12:00:00.999Z', 7],
  ] as const) {
    t.equal(findInvalidity(validity, new Date(at)), undefined)
    t.equal(findExpiry(validity, new Date(at))?.days, days, at)
  }
})

t.test('the certificate that ends first is named', async (t) => {
  t.strictSame(findExpiry(validity, new Date('2026-06-20')), {
    days: 14,
    message: 'The certificate of CN=Issuing CA expires within 14 days, at 2026-06-29T12:00:00.000Z; renew it',
  })
})

t.test('what has expired, or is not there, will not expire', async (t) => {
  const at = new Date('2026-06-29T12:00:01.000Z')
  t.match(findInvalidity(validity, at), /^The certificate of CN=Issuing CA expired/)
  t.equal(findExpiry(validity, at), undefined)
  t.equal(findExpiry([], at), undefined)
})
