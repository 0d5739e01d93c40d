import t from 'tap'
import { readTime } from '../../src/asn1/time.ts'
import { DerReader } from '../../src/der/der-reader.ts'

function read(tag: number, text: string): Date {
  return readTime(new DerReader(Buffer.from([tag, text.length, ...Buffer.from(text)])))
}

t.test('times have the forms of RFC 5280', async (t) => {
  t.strictSame(read(0x17, '491231235959Z'), new Date('2049-12-31T23:59:59Z'))
  t.strictSame(read(0x17, '500101000000Z'), new Date('1950-01-01T00:00:00Z'))
  t.strictSame(read(0x18, '20260102030405Z'), new Date('2026-01-02T03:04:05Z'))
  for (const [tag, text] of [
    [0x17, '4912312359Z'],
    [0x17, '491231235959+0100'],
    [0x18, '20260102030405.5Z'],
    [0x18, '20261302030405Z'],
    [0x18, '20260102030405'],
    [0x18, ''],
  ] as const) {
    t.throws(() => read(tag, text), { message: 'it is no DER of this kind: a time is not one of RFC 5280' })
  }
  t.throws(() => read(0x04, '20260102030405Z'), { message: /something is missing or in its place/ })
})
