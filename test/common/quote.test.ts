import t from 'tap'
import { describeValue, listSome, quote } from '../../src/common/quote.ts'

t.test('a value is told as it was given, or as a JSON string where its ends would not be seen', async (t) => {
  for (const [value, quoted] of [
    ['/x/nope.pem', '/x/nope.pem'],
    ['Schlüssel', 'Schlüssel'],
    ['', '""'],
    ['my key', '"my key"'],
    [' 8 ', '" 8 "'],
    ['say "a"', '"say \\"a\\""'],
    ['a\nb\u0000', '"a\\nb\\u0000"'],
    ['a\u200bb\u2028\u009b', '"a\\u{200b}b\\u{2028}\\u{9b}"'],
    ['x'.repeat(200), 'x'.repeat(200)],
    ['x'.repeat(201), `${'x'.repeat(200)}…`],
    ['😀'.repeat(201), `${'😀'.repeat(200)}…`],
    ['pkcs11:object=a?pin-value=4711', 'pkcs11:object=a?pin-value=…'],
    ['pkcs11:object=a;pin-value=4711;type=cert', 'pkcs11:object=a;pin-value=…;type=cert'],
    ['pkcs11:pin-value=4711', 'pkcs11:pin-value=…'],
    ['pkcs11:?pin%2Dvalue=4711', 'pkcs11:?pin%2Dvalue=…'],
    ['pkcs11:?PIN-VALUE=47%2011&module-path=/x', 'pkcs11:?PIN-VALUE=…&module-path=/x'],
  ] as const) {
    t.equal(quote(value), quoted)
  }
})

t.test('what is wrong follows the value', async (t) => {
  t.equal(describeValue('/x/nope.pem', 'does not exist'), '/x/nope.pem does not exist')
  t.equal(describeValue('/x/a.pem', 'it is empty'), '/x/a.pem: it is empty')
  t.equal(describeValue(undefined, 'is required'), 'is required')
  t.equal(describeValue('-----BEGIN PRIVATE KEY-----\nMIIE', 'does not exist'), 'does not exist')
  t.equal(describeValue('https://user:secret@example.com', 'is no origin'), 'is no origin')
})

t.test('of many things some are listed', async (t) => {
  const list = (count: number) =>
    listSome(
      Array.from({ length: count }, (_, index) => index),
      String,
    )
  t.equal(list(2), '0; 1')
  t.match(list(20), /; 19$/)
  t.match(list(25), /; 19; and 5 more$/)
})
