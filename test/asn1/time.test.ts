import t from 'tap'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { readTime, type TimeForm } from '../../src/asn1/time.ts'

function read(tag: number, text: string, form: TimeForm = {}): Date {
  return readTime(new DerReader(Buffer.from([tag, text.length, ...Buffer.from(text)])), form)
}

t.test('times have the forms of RFC 5280', async (t) => {
  t.strictSame(read(0x17, '491231235959Z'), new Date('2049-12-31T23:59:59Z'))
  t.strictSame(read(0x17, '500101000000Z'), new Date('1950-01-01T00:00:00Z'))
  t.strictSame(read(0x18, '20260102030405Z'), new Date('2026-01-02T03:04:05Z'))
  t.strictSame(read(0x18, '20500101000000Z'), new Date('2050-01-01T00:00:00Z'))
  t.strictSame(read(0x18, '99991231235959Z'), new Date('9999-12-31T23:59:59Z'))
  t.strictSame(read(0x17, '240229000000Z'), new Date('2024-02-29T00:00:00Z'))
  for (const [tag, text] of [
    [0x17, '4912312359Z'],
    [0x17, '491231235959+0100'],
    [0x18, '20260102030405.5Z'],
    [0x18, '20260102030405.Z'],
    [0x18, '20261302030405Z'],
    [0x18, '20260002030405Z'],
    [0x18, '20260231030405Z'],
    [0x18, '20260100030405Z'],
    [0x18, '20260102240000Z'],
    [0x18, '20260102036005Z'],
    [0x18, '20260102030460Z'],
    [0x18, '202601020304Z'],
    [0x18, '20260102030405+0000'],
    [0x17, '230229000000Z'],
    [0x17, '20260102030405Z'],
    [0x18, '260102030405Z'],
    [0x18, '20260102030405'],
    [0x18, ''],
  ] as const) {
    t.throws(() => read(tag, text), {
      message: `it is no DER of this kind: "${text}" is not a time of RFC 5280 4.1.2.5`,
    })
  }
  t.throws(() => read(0x18, 'x'.repeat(100)), { message: /"x{32}"/ })
  t.throws(() => read(0x04, '20260102030405Z'), {
    message: /an element is missing, or another one is in its place/,
  })
})

t.test('fractions of a second are read where they may be', async (t) => {
  for (const [text, time] of [
    ['20260102030405Z', '2026-01-02T03:04:05.000Z'],
    ['20260102030405.5Z', '2026-01-02T03:04:05.500Z'],
    ['20260102030405.007Z', '2026-01-02T03:04:05.007Z'],
    ['20260102030405.999999Z', '2026-01-02T03:04:05.999Z'],
    ['20260102030405.10Z', '2026-01-02T03:04:05.100Z'],
  ] as const) {
    t.equal(read(0x18, text, { fractions: true }).toISOString(), time)
  }
  t.throws(() => read(0x17, '260102030405.5Z', { fractions: true }))
  t.throws(() => read(0x18, '20260102030405,5Z', { fractions: true }))
})
