import t from 'tap'
import { LabelValues } from '../../src/metrics/label-values.ts'

t.test('return values of PKCS#11 and words that are known stay as they are', async (t) => {
  const reasons = new LabelValues(['timeout'])
  for (const reason of ['timeout', 'CKR_OK', 'CKR_DEVICE_ERROR', 'CKR_SHA256_RSA_PKCS']) {
    t.equal(reasons.bound(reason), reason)
    t.equal(reasons.bound(reason), reason, 'again')
  }
})

t.test('what a vendor or a bug makes up does not become a time series of its own', async (t) => {
  const reasons = new LabelValues(['timeout'])
  for (const number of ['0x80000123', '0x800000ff', '0x80000A01']) {
    t.equal(reasons.bound(number), 'CKR_VENDOR_DEFINED')
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
    t.equal(reasons.bound(other), 'other', JSON.stringify(other))
  }
})

t.test('there are never more than so many', async (t) => {
  const reasons = new LabelValues(['timeout'])
  const bound = Array.from({ length: 1000 }, (_, number) => reasons.bound(`CKR_MADE_UP_${number}`))
  t.equal(new Set(bound).size, 51)
  t.equal(bound.at(-1), 'other')
  t.equal(reasons.bound('CKR_MADE_UP_0'), 'CKR_MADE_UP_0', 'those that were there stay')
  t.equal(reasons.bound('timeout'), 'timeout')
})
