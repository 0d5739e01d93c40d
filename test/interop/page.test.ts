import { readFileSync } from 'node:fs'
import t from 'tap'
import { repositoryPath } from '../support/repository.ts'
import { describeRows, wrongNames } from './page.ts'
import type { Shape } from './shapes.ts'
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
  const claim = (name: string) => `| pkcs7 | cades | b-lt | ${name} | RSA 2048 | SHA-256 | valid |`
  t.same(wrongNames(claim('PAdES-BASELINE-T')), [])
  t.same(wrongNames(claim('PAdES-BASELINE-LT')), [claim('PAdES-BASELINE-LT')])
  const withDictionary = (name: string) => claim(name).replace('pkcs7', 'pkcs7 + DSS')
  t.same(wrongNames(withDictionary('PAdES-BASELINE-LT')), [])
  t.same(wrongNames(withDictionary('PAdES-BASELINE-T')), [withDictionary('PAdES-BASELINE-T')])
})
