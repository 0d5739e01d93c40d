import { readFileSync } from 'node:fs'
import t from 'tap'
import { repositoryPath } from '../support/repository.ts'
import { describeRows, wrongNames } from './page.ts'
import { KEYS, type Shape } from './shapes.ts'
import { type Row, unjudged, type Verdict } from './verdicts.ts'

const VALID: Verdict = { outcome: 'valid' }
const UNABLE: Verdict = { outcome: 'cannot judge', complaint: 'a short hash' }

function row(hash: Shape['hash'], first: Verdict, second: Verdict): Row {
  const shape: Shape = { container: 'pkcs7', type: 'cades', level: 'b-b', key: 'p-384', hash }
  return { shape, verdicts: { First: first, Second: second } }
}

t.test(
  'hashes with the same verdicts share a row, and what a validator cannot judge is told with its reason',
  async (t) => {
    const rows = [
      row('sha256', VALID, UNABLE),
      row('sha384', VALID, VALID),
      row('sha512', VALID, VALID),
      row('sha160', { outcome: 'INVALID', complaint: 'a bad signature' }, { outcome: 'not asked' }),
    ]
    t.equal(
      describeRows(rows, ['First 1.0', 'Second 2.0']).join('\n\n'),
      `First 1.0, Second 2.0.

| container | signature | level | level by its European name | key | hash | First | Second |
| --- | --- | --- | --- | --- | --- | --- | --- |
| pkcs7 | cades | b-b | PAdES-BASELINE-B | EC P-384 | SHA-256 | valid | *cannot judge* |
| pkcs7 | cades | b-b | PAdES-BASELINE-B | EC P-384 | SHA-384, SHA-512 | valid | valid |
| pkcs7 | cades | b-b | PAdES-BASELINE-B | EC P-384 | SHA-1 | **INVALID** | – |

Cannot judge, in the words of the validator, which says the same of what OpenSSL made:

- Second: “a short hash”, of EC P-384 with SHA-256`,
    )
  },
)

t.test('a validator that can judge none of a kind is told', async (t) => {
  t.same(unjudged([row('sha256', VALID, UNABLE), row('sha384', VALID, VALID)]), [])
  t.same(unjudged([row('sha256', VALID, UNABLE), row('sha384', UNABLE, UNABLE)]), ['Second: pkcs7 cades b-b'])
})

t.test('the page claims no level that EU DSS does not name', async (t) => {
  const page = readFileSync(repositoryPath('docs/interoperability.md'), 'utf8')
  t.same(wrongNames(page), [])
  const row = (name: string, key = 'RSA 2048') =>
    `| pkcs7 | cades | b-lt | ${name} | ${key} | SHA-256 | valid |`
  t.same(wrongNames(row('PAdES-BASELINE-T')), [])
  const withReason = KEYS['statements-twice'].name
  t.same(wrongNames(row('PDF-NOT-ETSI', withReason)), [])
  const summary = (name: string) => `| \`cades\` in a PDF | PAdES-BASELINE-B | PAdES-BASELINE-T | ${name} |`
  t.same(wrongNames(summary('PAdES-BASELINE-T')), [])
  const wrong = [
    row('PAdES-BASELINE-LT'),
    row('PAdES-BASELINE-T', withReason),
    row('PAdES-BASELINE-T', 'a key that is not judged'),
    summary('PAdES-BASELINE-LT'),
  ]
  t.same(wrongNames(wrong.join('\n')), wrong)
  // Each of these rows of the page itself is looked at
  for (const level of ['b-b', 'b-t', 'b-lt']) {
    const changed = page.replaceAll(
      new RegExp(`(\\| pkcs7 \\| cades \\| ${level} \\|) [\\w-]+`, 'g'),
      '$1 PAdES-BASELINE-LTA',
    )
    const rows = page.split(`| pkcs7 | cades | ${level} |`).length - 1
    t.ok(rows > 0)
    t.equal(wrongNames(changed).length, rows, level)
  }
  const withDictionary = (name: string) => row(name).replace('pkcs7', 'pkcs7 + DSS')
  t.same(wrongNames(withDictionary('PAdES-BASELINE-LT')), [])
  t.same(wrongNames(withDictionary('PAdES-BASELINE-T')), [withDictionary('PAdES-BASELINE-T')])
})
