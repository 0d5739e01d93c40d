import t from 'tap'
import { readRotatedNumber, rotatedName } from '../../src/common/rotated-file.ts'

t.test('a rotated file is named after its first record, which its name tells again', async (t) => {
  for (const [path, rotated] of [
    ['/var/lib/audit.jsonl', '/var/lib/audit-000000250001.jsonl'],
    ['/var/lib/audit.log.jsonl', '/var/lib/audit.log-000000250001.jsonl'],
    ['/var/lib/audit', '/var/lib/audit-000000250001'],
  ] as const) {
    t.equal(rotatedName(path, 250_001), rotated)
    t.equal(readRotatedNumber(rotated), 250_001)
    t.equal(readRotatedNumber(path), undefined)
  }
  t.equal(readRotatedNumber('audit-25.jsonl'), undefined)
})
