/** Holds the names of levels in log and command against those that EU DSS gives in test/interop. */
import t from 'tap'
import { EUROPEAN_NAMES, nameLevels } from '../../src/configuration/european-names.ts'
import { europeanName, LEVELS } from '../interop/shapes.ts'

for (const level of LEVELS) {
  t.test(`${level} is called what EU DSS calls it, in a PDF and over a file`, async (t) => {
    const shape = { type: 'cades', level, key: 'rsa-2048' } as const
    const [inPdf, overFile] = EUROPEAN_NAMES[level].split(', ')
    t.match(inPdf, `cades is ${europeanName({ ...shape, container: 'pkcs7' })} in a PDF`)
    t.equal(overFile, `${europeanName({ ...shape, container: 'file' })} over a file`)
  })
}

t.test('each level of several signers once', async (t) => {
  const signers = (['b-lt', 'b-b', 'b-lt'] as const).map((level) => ({ container: { level } }))
  t.strictSame(nameLevels(signers), { 'b-lt': EUROPEAN_NAMES['b-lt'], 'b-b': EUROPEAN_NAMES['b-b'] })
})
