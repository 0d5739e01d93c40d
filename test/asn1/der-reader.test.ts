import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as asn1js from 'asn1js'
import fc from 'fast-check'
import t from 'tap'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { openssl } from '../support/certificates.ts'

function reader(hex: string): DerReader {
  return new DerReader(Buffer.from(hex, 'hex'))
}

t.test('object identifiers with arcs that no number holds, as openssl writes them', async (t) => {
  for (const value of [
    '2.25.329800735698586629295641978511506172918',
    '2.25.329800735698586629295641978511506172919.7',
    `1.3.6.1.4.1.${2 ** 46}`,
    `1.3.6.1.4.1.${Number.MAX_SAFE_INTEGER}`,
    '1.3.6.1.4.1.9007199254740993.1',
  ]) {
    const file = join(t.testdir(), 'identifier.der')
    openssl('asn1parse', '-genstr', `OID:${value}`, '-noout', '-out', file)
    t.equal(new DerReader(readFileSync(file)).objectIdentifier(), value)
  }
})

t.test('object identifiers are those that asn1js writes', async (t) => {
  const arcs = fc.array(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: 8 })
  const start = fc.oneof(
    fc.nat(39).map((arc) => `0.${arc}`),
    fc.nat(39).map((arc) => `1.${arc}`),
    fc.nat(999).map((arc) => `2.${arc}`),
  )
  fc.assert(
    fc.property(start, arcs, (first, rest) => {
      const value = [first, ...rest].join('.')
      const der = Buffer.from(new asn1js.ObjectIdentifier({ value }).toBER())
      return new DerReader(der).objectIdentifier() === value
    }),
  )
  for (const hex of ['0600', '060155'.replace('55', '85'), '06025585']) {
    t.throws(() => reader(hex).objectIdentifier(), {
      message: 'it is no DER: an object identifier has no end',
    })
  }
  for (const hex of ['06028055', '0603558055', '060180']) {
    t.throws(() => reader(hex).objectIdentifier(), {
      message: 'it is no DER: an object identifier has more octets than it needs',
    })
  }
  t.equal(reader('0603558100').objectIdentifier(), '2.5.128')
})

t.test('contents of any length are those that asn1js writes', async (t) => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 20_000_000]) {
    const content = Buffer.alloc(length, 7)
    const der = Buffer.from(new asn1js.OctetString({ valueHex: content }).toBER())
    const read = new DerReader(der)
    t.ok(read.content(TAG.octetString).equals(content))
    t.equal(read.tag, undefined)
    read.finish()
    t.ok(new DerReader(der).element().equals(der))
  }
})

t.test('elements in elements, and those that are not there', async (t) => {
  const outer = reader('300602010ba0010005').enter(TAG.sequence)
  t.equal(outer.enterOptional(TAG.boolean), undefined)
  t.strictSame(outer.content(TAG.integer), Buffer.from([11]))
  t.throws(() => outer.finish(), { message: 'it is no DER of this kind: something follows its end' })
  const inner = outer.enterOptional(contextTag(0))
  t.throws(() => inner?.enter(TAG.sequence), {
    message: /an element is missing, or another one is in its place/,
  })
  t.throws(() => outer.element(), { message: /an element is missing, or another one is in its place/ })
})

t.test('what is BER alone, or nothing', async (t) => {
  for (const [hex, message] of [
    ['04', 'an element has no length'],
    ['0480', 'an element has no length'],
    ['0485', 'an element has no length'],
    ['04850000000001ff', 'an element has no length'],
    ['0482ff', 'an element has no length'],
    ['048101ff', 'a length has more octets than it needs'],
    [`048200ff${'00'.repeat(255)}`, 'a length has more octets than it needs'],
    ['0402ff', 'an element is longer than the one around it'],
    ['0484ffffffff', 'an element is longer than the one around it'],
  ] as const) {
    t.throws(() => reader(hex).content(TAG.octetString), { message: `it is no DER: ${message}` })
  }
  const inner = reader('30020402ffff').enter(TAG.sequence)
  t.throws(() => inner.content(TAG.octetString), { message: /longer than the one around it/ })
})

t.test('bits that are no octets', async (t) => {
  for (const hex of ['0300', '030101', '03020780']) {
    t.throws(() => reader(hex).bits(), {
      message: /a bit string does not consist of whole octets$/,
    })
  }
})

t.test('what only somebody sends who wants to use up time and memory', async (t) => {
  const list = (count: number) => reader('0500'.repeat(count))
  t.equal(list(1000).elements().length, 1000)
  t.throws(() => list(1001).elements(), { message: 'it has a list of more than 1000 elements' })
  const identifier = (length: number) => reader(`06${length.toString(16)}2a${'03'.repeat(length - 1)}`)
  t.equal(identifier(100).objectIdentifier(), `1.2${'.3'.repeat(99)}`)
  t.throws(() => identifier(101).objectIdentifier(), {
    message: 'it is no DER of this kind: an object identifier is too long',
  })
})

t.test('a lenient reader reads lengths that are not the shortest, and tells of them', async (t) => {
  const flaw = 'it is no DER: a length has more octets than it needs'
  for (const hex of ['30810502840000000107', '30820004020101', '3084000000030201ff']) {
    t.throws(() => reader(hex).enter(TAG.sequence), { message: flaw })
  }
  const outer = DerReader.lenient(Buffer.from('300702840000000107', 'hex'))
  const inner = outer.enter(TAG.sequence)
  t.equal(outer.flaw, undefined)
  t.strictSame(inner.content(TAG.integer), Buffer.of(7))
  t.strictSame([inner.flaw, outer.flaw], [flaw, flaw])
  for (const hex of ['30800000', '308500000000020101', '3082', '308400000005020101']) {
    t.throws(() => DerReader.lenient(Buffer.from(hex, 'hex')).enter(TAG.sequence), {
      message: /^it is no DER/,
    })
  }
  t.equal(reader('020101').flaw, undefined)
})
