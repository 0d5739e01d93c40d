import t from 'tap'
import { DerReader } from '../../../src/der/der-reader.ts'
import { encode } from '../../../src/der/der-writer.ts'
import { TAG } from '../../../src/der/tag.ts'
import { readCrl } from '../../../src/revocation/crl/crl.ts'
import { issue } from '../../support/certificates.ts'
import { RevocationAuthority } from '../../support/revocation-authority.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=root', ca: true })
const crl = await new RevocationAuthority(directory, root).crl({
  extensions: ['authorityKeyIdentifier = keyid'],
})

function elementsOf(sequence: Buffer): Buffer[] {
  const reader = new DerReader(sequence).enter(TAG.sequence)
  const elements: Buffer[] = []
  while (reader.tag !== undefined) {
    elements.push(reader.element())
  }
  return elements
}

/** The CRL with other elements in what is signed. */
function changed(change: (elements: Buffer[]) => Buffer[]): Buffer {
  const [toBeSigned, ...rest] = elementsOf(crl) as [Buffer, ...Buffer[]]
  return encode(TAG.sequence, encode(TAG.sequence, ...change(elementsOf(toBeSigned))), ...rest)
}

t.test('a CRL that does not say when it is to be replaced is none', async (t) => {
  t.same(readCrl(changed((elements) => elements)), readCrl(crl))
  // version, signature, issuer, thisUpdate, nextUpdate (RFC 5280 5.1)
  t.throws(() => readCrl(changed((elements) => elements.toSpliced(4, 1))), {
    message: 'it does not say when it is to be replaced',
  })
})

t.test('one that says two things of its algorithm is none', async (t) => {
  const other = encode(TAG.sequence, Buffer.from('06082a8648ce3d040303', 'hex'))
  t.throws(() => readCrl(changed((elements) => elements.toSpliced(1, 1, other))), {
    message: 'it says two things of the algorithm that it is signed with',
  })
})
