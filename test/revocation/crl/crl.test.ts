import t from 'tap'
import { encode } from '../../../src/asn1/der-writer.ts'
import { TAG } from '../../../src/asn1/tag.ts'
import { readCrl } from '../../../src/revocation/crl/crl.ts'
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

t.test('one that names two algorithms is refused', async (t) => {
  const other = encode(TAG.sequence, Buffer.from('06082a8648ce3d040303', 'hex'))
  t.throws(() => readCrl(changeCrl(crl, (elements) => elements.toSpliced(1, 1, other))), {
    message: 'it names two algorithms for its signature',
  })
})
