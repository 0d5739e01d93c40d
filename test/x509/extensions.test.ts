import t from 'tap'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { findUnknownCritical, readExtensions } from '../../src/x509/extensions.ts'

/** @param extensions DER in hex, together shorter than 128 bytes */
function read(...extensions: string[]) {
  const list = Buffer.from(extensions.join(''), 'hex')
  return readExtensions(new DerReader(Buffer.concat([Buffer.from([0x30, list.length]), list])))
}

t.test('extensions are critical where they say so', async (t) => {
  const extensions = read('300906032a030404020500', '300a06032a03050101000400', '300a06032a03060101ff0400')
  t.strictSame(
    [...extensions].map(([id, { critical, value }]) => [id, critical, value.toString('hex')]),
    [
      ['1.2.3.4', false, '0500'],
      ['1.2.3.5', false, ''],
      ['1.2.3.6', true, ''],
    ],
  )
  t.equal(findUnknownCritical(extensions, ['1.2.3.6']), undefined)
  t.equal(findUnknownCritical(extensions, []), 'it has a critical extension that is not supported, 1.2.3.6')
  t.equal(readExtensions(undefined).size, 0)
})

t.test('an extension that is there twice could mean two things', async (t) => {
  const one = '300706032a03040400'
  const message = 'it has the extension 1.2.3.4 twice'
  t.throws(() => read(one, one), { message })
  const list = encode(
    TAG.sequence,
    ...[one, '300706032a03050400', one, one].map((hex) => Buffer.from(hex, 'hex')),
  )
  const flaws: string[] = []
  t.strictSame([...readExtensions(new DerReader(list), flaws).keys()], ['1.2.3.5'])
  t.strictSame(flaws, [message])
})

t.test('more of them than anybody needs', async (t) => {
  const ids = Array.from({ length: 1001 }, (_, number) => encodeObjectIdentifier(`1.2.${number}`))
  const extensions = ids.map((id) => encode(TAG.sequence, id, encode(TAG.octetString)))
  const list = encode(TAG.sequence, ...extensions)
  t.throws(() => readExtensions(new DerReader(list)), { message: 'it has a list of more than 1000 elements' })
})
