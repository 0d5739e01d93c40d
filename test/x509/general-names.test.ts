import t from 'tap'
import { encode } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { sameGeneralName } from '../../src/x509/names.ts'
import { attribute, COMMON_NAME, nameOf } from '../support/resigned.ts'

const [MAIL, DNS, URI, ADDRESS] = [1, 2, 6, 7].map((number) => contextTag(number, 'primitive')) as [
  number,
  number,
  number,
  number,
]

function name(tag: number, text: string): Buffer {
  return encode(tag, Buffer.from(text))
}

function directoryName(tag: number, text: string): Buffer {
  return encode(contextTag(4), nameOf(attribute(COMMON_NAME, tag, text)))
}

t.test('GeneralNames that are the same by RFC 5280 7', async (t) => {
  for (const [one, other] of [
    [name(URI, 'http://CRL.example/a.crl'), name(URI, 'HTTP://crl.example:80/a.crl')],
    [name(URI, 'not an address'), name(URI, 'not an address')],
    [name(DNS, 'TSA.example'), name(DNS, 'tsa.EXAMPLE')],
    [name(MAIL, 'Jane@Bank.example'), name(MAIL, 'Jane@bank.EXAMPLE')],
    [name(ADDRESS, '\u{1}\u{2}\u{3}\u{4}'), name(ADDRESS, '\u{1}\u{2}\u{3}\u{4}')],
    [directoryName(TAG.utf8String, 'Authority'), directoryName(TAG.printableString, 'AUTHORITY')],
  ] as const) {
    t.ok(sameGeneralName(one, other))
  }
})

t.test('GeneralNames that are not', async (t) => {
  for (const [one, other] of [
    [name(URI, 'http://crl.example/a.crl'), name(URI, 'http://crl.example/A.crl')],
    [name(URI, 'not an address'), name(URI, 'NOT AN ADDRESS')],
    [name(URI, 'bank.example'), name(DNS, 'bank.example')],
    [name(MAIL, 'Jane@bank.example'), name(MAIL, 'jane@bank.example')],
    [name(ADDRESS, '\u{1}\u{2}\u{3}\u{4}'), name(ADDRESS, '\u{1}\u{2}\u{3}\u{5}')],
    [directoryName(TAG.utf8String, 'Authority'), directoryName(TAG.utf8String, 'Other')],
  ] as const) {
    t.notOk(sameGeneralName(one, other))
  }
})
