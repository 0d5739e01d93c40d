import t from 'tap'
import { encode } from '../../../src/asn1/der-writer.ts'
import { TAG } from '../../../src/asn1/tag.ts'
import { readCrl, readCrlNumber } from '../../../src/revocation/crl/crl.ts'
import { issue } from '../../support/certificates.ts'
import { changeCrl, withoutNextUpdate } from '../../support/changed-crl.ts'
import { RevocationAuthority } from '../../support/revocation-authority.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=root', ca: true })
const crl = await new RevocationAuthority(directory, root).crl({
  extensions: ['authorityKeyIdentifier = keyid'],
})

t.test('a CRL need not say when it is to be replaced', async (t) => {
  t.same(readCrl(changeCrl(crl, (elements) => elements)), readCrl(crl))
  const { nextUpdate, thisUpdate } = readCrl(withoutNextUpdate(crl, root))
  t.equal(nextUpdate, undefined)
  t.same(thisUpdate, readCrl(crl).thisUpdate)
})

t.test('that one names two algorithms is a flaw, and it stays as it is', async (t) => {
  const other = encode(TAG.sequence, Buffer.from('06082a8648ce3d040303', 'hex'))
  const changed = changeCrl(crl, (elements) => elements.toSpliced(1, 1, other))
  const { flaw, der } = readCrl(changed)
  t.strictSame({ flaw, der }, { flaw: 'it names two algorithms for its signature', der: changed })
})

t.test('the number of a CRL, which some have not, or in another form', async (t) => {
  const read = (hex: string) => readCrlNumber({ critical: false, value: Buffer.from(hex, 'hex') })
  t.equal(read('020105'), 5n)
  t.equal(read('0214ff00000000000000000000000000000000000001'), BigInt(`0xff${'00'.repeat(18)}01`))
  for (const malformed of ['0200', '040105', '0205', '']) {
    t.equal(read(malformed), undefined, malformed)
  }
  t.equal(readCrlNumber(undefined), undefined)
})
