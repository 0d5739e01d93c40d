import * as asn1js from 'asn1js'
import fc from 'fast-check'
import t from 'tap'
import { encode, encodeObjectIdentifier, encodeSetOf, encodeSmallInteger } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'

t.test('elements are those that asn1js writes, of every length', async (t) => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 16_777_215, 16_777_216]) {
    const contents = new Uint8Array(length).fill(7)
    const half = length >> 1
    const expected = Buffer.from(new asn1js.OctetString({ valueHex: contents }).toBER())
    t.ok(encode(TAG.octetString, contents).equals(expected), `${length}`)
    t.ok(encode(TAG.octetString, contents.subarray(half), contents.subarray(0, half)).equals(expected))
  }
})

t.test('object identifiers are those that asn1js writes', async () => {
  const start = fc.oneof(
    fc.tuple(fc.nat(1), fc.nat(39)),
    fc.nat(2 ** 31 - 81).map((arc) => [2, arc]),
  )
  fc.assert(
    fc.property(start, fc.array(fc.nat(2 ** 31 - 1), { maxLength: 10 }), (first, rest) => {
      const value = [...first, ...rest].join('.')
      return encodeObjectIdentifier(value).equals(Buffer.from(new asn1js.ObjectIdentifier({ value }).toBER()))
    }),
  )
})

t.test('the elements of a set are in the order of their encodings', async (t) => {
  const elements = [Buffer.from('020102', 'hex'), encodeSmallInteger(1), Buffer.from('0101ff', 'hex')]
  t.equal(encodeSetOf(TAG.set, elements).toString('hex'), '31090101ff020101020102')
  t.equal(encodeSetOf(TAG.set, []).toString('hex'), '3100')
})
