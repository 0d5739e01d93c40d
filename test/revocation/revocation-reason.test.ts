import t from 'tap'
import { describeReason } from '../../src/revocation/revocation-answer.ts'

t.test('reasons that RFC 5280 does not have are told by their number', async (t) => {
  t.equal(describeReason(1), 'key compromise')
  t.equal(describeReason(undefined), 'unspecified')
  t.equal(describeReason(7), 'reason 7')
})
