import t from 'tap'
import { boundReason } from '../../src/metrics/registration.ts'

t.test('return values of PKCS#11 and words that are known stay as they are', async (t) => {
  for (const reason of ['timeout', 'CKR_OK', 'CKR_DEVICE_ERROR', 'CKR_SESSION_READ_WRITE_SO_EXISTS']) {
    t.equal(boundReason(reason, ['timeout']), reason)
  }
})

t.test('what a vendor or a bug makes up does not become a time series of its own', async (t) => {
  for (const number of ['0x80000123', '0x800000ff', '0x80000A01']) {
    t.equal(boundReason(number), 'CKR_VENDOR_DEFINED')
  }
  const others = [
    '',
    'age',
    'TypeError',
    'ckr_ok',
    'CKR_',
    `CKR_${'A'.repeat(61)}`,
    'CKR_OK\n',
    'CKR_"',
    '0x',
  ]
  for (const other of others) {
    t.equal(boundReason(other, ['timeout']), 'other', JSON.stringify(other))
  }
})
