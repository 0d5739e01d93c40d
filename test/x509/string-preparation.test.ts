import fc from 'fast-check'
import t from 'tap'
import { prepareString } from '../../src/x509/names.ts'

t.test('strings that match by RFC 4518', async (t) => {
  for (const [one, other, what] of [
    ['Bank AG', 'bANK ag', 'case'],
    ['  Bank   AG ', 'Bank AG', 'spaces at the ends and in a row'],
    ['Bank\tAG', 'Bank\r\nAG', 'tabs and line ends are spaces'],
    ['Bank\u{a0}AG', 'Bank\u{3000}AG', 'other separators are spaces'],
    ['Ban\u{ad}k', 'Ban\u{200b}k', 'soft hyphens and spaces without width are nothing'],
    [
      'Ban\u{180b}\u{34f}\u{0}\u{7f}\u{fe0f}\u{1806}k',
      'Bank',
      'so are controls, joiners and variation selectors',
    ],
    ['Caf\u{e9}', 'Cafe\u{301}', 'accents, composed or not'],
    ['CAF\u{c9}', 'caf\u{e9}', 'case beyond ASCII'],
    ['Straße', 'STRASSE', 'the sharp s'],
    ['STRA\u{1e9e}E', 'strasse', 'and the capital one'],
    ['ΟΔΟΣ', 'οδος', 'both small sigmas'],
    ['Οδος A', 'ΟΔΟΣ a', 'at the end of a word too'],
    ['\u{130}', 'i\u{307}', 'the capital i with a dot'],
    ['ﬁnance', 'FINANCE', 'ligatures'],
    ['Ｂａｎｋ', 'bank', 'wide letters'],
    ['\u{2121}', 'tel', 'letters in a sign'],
    ['\u{212a}', 'k', 'the sign of Kelvin'],
    ['\u{3000}', '', 'nothing but spaces'],
  ] as const) {
    t.equal(prepareString(one), prepareString(other), what)
  }
})

t.test('what stands for very many characters is not compared', async (t) => {
  t.equal(prepareString('\ufdfa'.repeat(166)).length, 18 * 166)
  t.throws(() => prepareString('\ufdfa'.repeat(167)), /stands for more than 3000 characters/)
})

t.test('strings that do not', async (t) => {
  for (const [one, other] of [
    ['Bank AG', 'BankAG'],
    ['Bank', 'Bänk'],
    ['Işık', 'Isik'],
    ['ı', 'i'],
    ['Bank \u{301}', 'Bank\u{301}'],
    ['А', 'A'],
    ['Bank-AG', 'Bank AG'],
  ] as const) {
    t.not(prepareString(one), prepareString(other), `${one} / ${other}`)
  }
})

t.test('what is prepared stays as it is when it is prepared again', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const prepared = prepareString(text)
      return prepareString(prepared) === prepared
    }),
  )
  t.pass()
})
