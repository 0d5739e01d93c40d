/** Checks elements in all depths: a certificate that OpenSSL has written is DER, and forms that only BER allows are found. */
import t from 'tap'
import { findEncodingFlaw, findEncodingFlawInTurns } from '../../src/asn1/der-check.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { issue } from '../support/certificates.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const time = (text: string) => encode(TAG.generalizedTime, Buffer.from(text))

t.test('a certificate is DER', async (t) => {
  const { certificate } = issue(t.testdir(), {
    subject: '/O=Test/CN=leaf',
    extension: 'subjectAltName = DNS:a.test',
  })
  t.equal(findEncodingFlaw(certificate.raw), undefined)
  t.match(findEncodingFlaw(certificate.raw.subarray(0, -1)), /it is no DER/)
})

t.test('what only BER has is found, however deep it stands', async (t) => {
  const within = (element: Buffer) =>
    encode(TAG.sequence, encode(contextTag(0), encode(TAG.sequence, element)))
  for (const [name, element, expected] of [
    ['TRUE', hex('0101ff'), undefined],
    ['another TRUE', hex('010101'), /octets of a value/],
    ['seconds', time('20260102030405Z'), undefined],
    ['a fraction', time('20260102030405.25Z'), undefined],
    ['a fraction that ends in zero', time('20260102030405.250Z'), /octets of a value/],
    ['no seconds', encode(TAG.utcTime, Buffer.from('2601020304Z')), /octets of a value/],
    ['a set in its order', hex('3106 020101 020102'), undefined],
    ['a set in another order', hex('3106 020102 020101'), /SET OF are in another order/],
    ['a long integer', hex('02020001'), /an integer has no octets, or more/],
    ['a long length', hex('02810101'), /a length has more octets/],
    ['an indefinite length', hex('3080 020101 0000'), /it is no DER/],
    ['bits that are not used', hex('0302 0401'), /octets of a value/],
    ['an octet string in parts', hex('2403 040101'), /octets of a value/],
    ['octets that look like BER', encode(TAG.octetString, hex('010101')), undefined],
    ['a tag in several octets', hex('1f02 0100'), /a tag that no format has/],
    ['such a tag of another class', hex('bf02 0500'), /a tag that no format has/],
    ['EXTERNAL', hex('2802 0500'), /a tag that no format has/],
  ] as const) {
    const found = findEncodingFlaw(within(element))
    t.equal(
      expected === undefined ? found === undefined : expected.test(`${found}`),
      true,
      `${name}: ${found}`,
    )
  }
})

t.test('depth has a bound, and length none', async (t) => {
  const nested = (depth: number) => {
    let element: Buffer = hex('0500')
    for (let level = 0; level < depth; level++) {
      element = encode(TAG.sequence, element)
    }
    return element
  }
  t.equal(findEncodingFlaw(nested(31)), undefined)
  t.match(findEncodingFlaw(nested(32)), /in more than 32 others/)
  const long = encode(TAG.sequence, ...Array.from({ length: 5_000 }, () => hex('0101ff')))
  let turns = 0
  const timer = setImmediate(function count() {
    turns += 1
    setImmediate(count).unref()
  })
  t.equal(await findEncodingFlawInTurns(long), undefined)
  clearImmediate(timer)
  t.ok(turns > 2, 'others get their turns meanwhile')
  const flawed = encode(TAG.sequence, long, hex('010101'))
  t.equal(findEncodingFlaw(flawed, 2_000), undefined, 'as many as that are looked at')
  t.match(findEncodingFlaw(flawed, 6_000), /octets of a value/)
  for (const find of [findEncodingFlaw, findEncodingFlawInTurns]) {
    t.equal(await find(long), undefined)
    t.match(await find(flawed), /octets of a value/)
  }
})
